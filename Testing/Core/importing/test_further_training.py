"""An nnU-Net is imported and trained further with other labels, by two commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from nnunet_files import Results
from typer.testing import CliRunner, Result

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.io import read_segmentation
from UNetSegmentLib.models import load_model, read_card
from UNetSegmentLib.training import load_config
from UNetSegmentLib.training.loop.state import start_state


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def blocks(folder: Path, names: dict[str, str], channels: int = 1) -> Path:
    """Four volumes with a bright block in them."""
    for n in range(4):
        random = np.random.default_rng(n)
        label = np.zeros((20, 30, 22), np.uint8)
        label[6:14, 8 + n : 20 + n, 6:16] = 1
        label[8:12, 10 + n : 16 + n, 8:12] = 2
        image = random.normal(100, 10, label.shape).astype(np.float32) + 60 * label
        for kind, array in (("images", np.stack([image] * channels, -1) if channels > 1 else image), ("labels", label)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            picture = sitk.GetImageFromArray(array, isVector=kind == "images" and channels > 1)
            sitk.WriteImage(picture, str(folder / kind / f"case{n}.nrrd"))
    (folder / "dataset.json").write_text(json.dumps({"labels": names}))
    return folder


def test_from_an_nnunet_to_a_model_with_new_labels(tmp_path: Path) -> None:
    source = Results().write(tmp_path)
    assert run("import", source, "--to", tmp_path / "models", "--name", "base").exit_code == 0
    base = tmp_path / "models" / "base"
    data = blocks(tmp_path / "data", {"1": "Tumour", "2": "Posterior"})
    out = tmp_path / "run"
    options = ("--from", base, "--minutes", "0.05", "--device", "cpu", "--threads", "1", "--seed", "3")
    planned = run("train", data, "-o", out, *options, "--plan-only")
    assert planned.exit_code == 0, planned.output
    plan, card = load_config(out / "plan.json"), read_card(base)
    assert plan.card.preparation == card.preparation
    assert [label.name for label in plan.card.labels] == ["Tumour", "Posterior"]

    old = load_model(base).network().state_dict()
    begun = start_state(plan, torch.Generator(), torch.device("cpu"), False).network.state_dict()
    body = {name for name in old if not name.startswith("heads.")}
    assert len(body) > 20
    assert all(torch.equal(begun[name], old[name]) for name in body)
    for leaf in ("weight", "bias"):
        ours, theirs = begun[f"heads.0.{leaf}"], old[f"heads.0.{leaf}"]
        # Background and 'Posterior' are known by name, 'Tumour' is new.
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[2], theirs[2])
        assert not torch.equal(ours[1], theirs[1])

    trained = run("train", out / "plan.json")
    assert trained.exit_code == 0, trained.output
    assert "Trained further from 'base'" in read_card(out / "model").description
    answer = tmp_path / "answer.nii.gz"
    assert run("segment", data / "images" / "case0.nrrd", answer, "--model", out / "model").exit_code == 0
    assert [label.name for label in read_segmentation(answer).labels] == ["Tumour", "Posterior"]


def test_what_does_not_fit_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    assert run("import", Results().write(tmp_path), "--to", tmp_path / "models", "--name", "base").exit_code == 0
    base = tmp_path / "models" / "base"
    coloured = blocks(tmp_path / "coloured", {"1": "Tumour", "2": "Posterior"}, channels=3)
    out = tmp_path / "run"
    for arguments, code, words in (
        ((coloured, "--from", base), 4, "takes 1 channels, the data set has 3"),
        ((coloured, "--from", base, "--network", "attention"), 2, "keeps its network"),
        ((coloured, "--from", tmp_path / "nothing"), 4, "no model"),
    ):
        result = run("train", *arguments, "-o", out, "--minutes", "0.05", "--device", "cpu")
        assert result.exit_code == code, result.output
        assert words in " ".join(result.stderr.split())
        assert not out.exists()
