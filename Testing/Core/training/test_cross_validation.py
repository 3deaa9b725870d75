"""Every fold held out once: trained, scored, put into one table and one package; cut off and gone on with."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.models import load_model, read_card
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.reporting.measuring.pixel_metrics import pixel_scores
from UNetSegmentLib.training import cross_validate, evaluate_fold
from UNetSegmentLib.training.layouts import LAYOUTS
from UNetSegmentLib.training.layouts.recognition import Layout
from UNetSegmentLib.training.scoring.fold_scores import FoldScores, LabelLine, load_fold, save_fold
from UNetSegmentLib.training.scoring.spread import spread, summarize_folds


def times(folder) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("checkpoint.pt")}


def test_every_fold_is_held_out_once(make_config, folder, tmp_path):
    stages = []
    result = cross_validate(make_config(steps=2), progress=stages.append, final=True)
    run = tmp_path / "run"
    assert [e.message for e in stages if e.stage == "fold"] == ["fold 0", "fold 1", "all cases"]
    assert [set(fold.cases) for fold in result.summary.folds] == [{"case_0", "case_1"}, {"case_2", "case_3"}]
    ensemble = load_model(result.model)
    assert ensemble.folds == 2
    for fold in range(2):
        own = load_model(run / f"fold_{fold}" / "model").network().state_dict()
        assert all(torch.equal(value, own[name]) for name, value in ensemble.network(fold).state_dict().items())
    # The figures are those of the single networks on what they have not seen, worked out here once more.
    dice = []
    for fold in range(2):
        scores = evaluate_fold(load_model(run / f"fold_{fold}" / "model"), folder, fold).scores
        dice += [next(s.dice for s in case if s.label.name == "core") for case in scores.values()]
    line = next(line for line in result.summary.labels if line.name == "core")
    assert line.dice.mean == pytest.approx(np.mean(dice))
    assert line.dice.sd == pytest.approx(np.std(dice, ddof=1))
    for package in (result.model, result.final):
        [said] = [a for a in read_card(package).accuracy if a.label == "core"]
        assert (said.cases, said.dice) == (4, round(float(np.mean(dice)), 4))
        assert said.split.startswith("2-fold cross-validation")
    assert "Trained on every case" in read_card(result.final).description
    table = json.loads(result.table.read_text(encoding="utf-8"))
    assert table["labels"][1]["dice"]["mean"] == line.dice.mean
    text = result.table.with_suffix(".md").read_text(encoding="utf-8")
    assert f"| core | 4 | {line.dice.mean:.4f} ± {line.dice.sd:.4f} |" in text
    assert result.table.with_suffix(".html").read_text(encoding="utf-8").count("data:image/png") == 2


def test_what_is_finished_is_not_done_again(make_config, tmp_path):
    config = make_config(steps=4, checkpoint_every=1)
    token = CancelToken()

    def stop_in_the_second_fold(event):
        if event.stage == "fold" and event.done == 1:
            token.cancel()

    with pytest.raises(Cancelled):
        cross_validate(config, progress=stop_in_the_second_fold, cancel=token)
    before = times(tmp_path / "run")
    assert load_fold(tmp_path / "run" / "fold_0") is not None
    assert load_fold(tmp_path / "run" / "fold_1") is None
    result = cross_validate(config)
    after = times(tmp_path / "run")
    assert after["fold_0/checkpoint.pt"] == before["fold_0/checkpoint.pt"]
    assert len(result.summary.folds) == 2
    cross_validate(config)
    assert times(tmp_path / "run") == after
    # Nor does it matter where and how fast it is computed: were a fold trained again, it would be compiled here.
    cross_validate(dataclasses.replace(config, compile=True, threads=1))
    assert times(tmp_path / "run") == after
    # A longer training is another one: its scores are not those of the shorter.
    cross_validate(dataclasses.replace(config, steps=5))
    assert all(after[name] != changed for name, changed in times(tmp_path / "run").items())


def test_single_folds_add_up(make_config):
    config = make_config(steps=2)
    assert [fold.fold for fold in cross_validate(config, [1]).summary.folds] == [1]
    assert [fold.fold for fold in cross_validate(config, [0]).summary.folds] == [0, 1]


def test_what_cannot_be_cross_validated_is_said_before_anything_is_trained(make_config, folder, tmp_path):
    with pytest.raises(InputError, match="no fold 7"):
        cross_validate(make_config(), [0, 7])
    with pytest.raises(InputError, match="follows the held-out Dice"):
        cross_validate(make_config(keep="best"), final=True)
    (folder / "dataset.json").unlink()
    with pytest.raises(InputError, match="cannot be split"):
        cross_validate(make_config())
    assert not (tmp_path / "run").exists()


def test_pixels_are_scored_where_the_field_does_so(make_config, folder, monkeypatch):
    pairs = LAYOUTS["pairs"]

    def read(path):
        return dataclasses.replace(pairs.read(path), pixels=True)

    monkeypatch.setitem(LAYOUTS, "pairs", Layout(read, pairs.matches, pairs.needs))
    summary = cross_validate(make_config(steps=2)).summary
    assert summary.pixels is not None
    assert summary.pixels.together.pixels == 4 * 12 * 14 * 16
    of_cases = [scores.f1 for fold in summary.folds for scores in fold.pixels.values()]
    assert summary.pixels.cases["f1"].mean == pytest.approx(np.mean(of_cases))
    assert summary.pixels.cases["f1"].count == 4


def test_mean_and_spread_by_hand():
    assert spread([0.5, None, 0.7]).mean == pytest.approx(0.6)
    assert spread([0.5, None, 0.7]).sd == pytest.approx(math.sqrt(0.02))
    assert spread([0.5]).sd == 0.0
    assert spread([None]) is None


def test_missed_labels_and_pooled_pixels(tmp_path):
    """One case misses the label: it counts for Dice and not for the distance. Pixels are pooled, not averaged."""
    random = np.random.default_rng(0)
    pixels = [(random.random(n).astype(np.float32), random.random(n) > 0.6) for n in (10, 30)]
    folds = []
    for number, line in enumerate((LabelLine(1, "a", 0.8, 2.0, 0.9), LabelLine(1, "a", 0.0, None, 0.0, missed=True))):
        scores = FoldScores(number, 1.0, {f"case {number}": (line,)}, {f"case {number}": pixel_scores(*pixels[number])})
        (tmp_path / str(number)).mkdir()
        save_fold(tmp_path / str(number), scores, pixels[number])
        assert load_fold(tmp_path / str(number)) == scores
        folds.append(scores)
    summary = summarize_folds(folds, pixels)
    [label] = summary.labels
    assert (label.cases, label.missed) == (2, 1)
    assert label.dice.mean == pytest.approx(0.4)
    assert label.hd95_mm.mean == 2.0 and label.hd95_mm.count == 1
    whole = pixel_scores(*(np.concatenate([p[side] for p in pixels]) for side in (0, 1)))
    assert summary.pixels.together == whole
