"""``unetsegment train FOLDER``: from data alone to a model that segments, killed in the middle and resumed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import Result

from UNetSegmentLib.io import read_segmentation
from UNetSegmentLib.models import read_card
from UNetSegmentLib.training import load_config, save_config

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def one_thread():
    """Results of two processes are compared bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shortened(plan: Path, **changes: Any) -> None:
    """Edits a plan as a user would, in its text."""
    content = json.loads(plan.read_text())
    plan.write_text(json.dumps({**content, **changes}))


def test_from_a_folder_to_a_model_that_segments(run: Run, cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = run("train", cells, "-o", out, "--minutes", "0.15", "--device", "cpu", "--threads", "1")
    assert result.exit_code == 0, result.output
    assert "labels: Label 1" in result.stderr
    assert "Dice on held-out cases: Label 1" in result.stdout
    card = read_card(out / "model")
    assert card.network.dimension == 2
    assert card.accuracy[0].cases == 1
    assert card.training_data.startswith("cells: 4 labelled cases")
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page.replace("http-equiv", "")
    again = run("segment", cells / "images" / "0.png", tmp_path / "answer.png", "--model", out / "model")
    assert again.exit_code == 0, again.output
    assert read_segmentation(tmp_path / "answer.png").voxels.shape == (1, 48, 48)


def test_the_last_line_the_report_and_the_card_say_the_same(run: Run, cells: Path, tmp_path: Path) -> None:
    """A name with a line break, which the report and its pictures must survive too."""
    (cells / "cases.csv").write_text(
        "image,label,case,value,name,fold\n"
        + "".join(f'images/{n}.png,labels/{n}.png,"case\n{n}",,,{n % 2}\n' for n in range(5))
        + ',,,1,"line\nof $\\frac{a",\n'
    )
    out = tmp_path / "run"
    options = ("--minutes", "0.1", "--device", "cpu", "--threads", "1", "--layout", "csv")
    assert run("train", cells, "-o", out, *options, "--plan-only").exit_code == 0
    shortened(out / "plan.json", steps=4, minutes=0, validate_every=2)
    result = run("train", out / "plan.json")
    assert result.exit_code == 0, result.output
    line = read_card(out / "model").accuracy[0]
    assert line.label == "line of $\\frac{a"
    assert f"{line.label} {line.dice:.4f}\n" in result.stdout
    page = (out / "report.html").read_text()
    assert f"<td>{line.dice:.4f}</td>" in page and "case 0" in page
    assert (out / "curve.png").is_file() and (out / "case-worst.png").is_file()


@pytest.mark.parametrize("minutes", ["nan", "inf", "-1", "0", "1e300"])
def test_minutes_that_make_no_sense(run: Run, cells: Path, tmp_path: Path, minutes: str) -> None:
    for command in ("train", "cross-validate"):
        result = run(command, cells, "-o", tmp_path / "run", "--minutes", minutes)
        assert result.exit_code == 2 and "makes no sense" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--threads", "--seed"])
def test_numbers_below_zero(run: Run, cells: Path, option: str) -> None:
    assert run("train", cells, option, "-1").exit_code == 2


def test_an_output_that_cannot_be_written_is_said_before_the_data_is_read(
    run: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*arguments: object) -> None:
        raise AssertionError("an image was read")

    monkeypatch.setattr("UNetSegmentLib.training.layouts.reading.read_volume", read)
    (tmp_path / "file").touch()
    for command in ("train", "cross-validate"):
        result = run(command, cells, "-o", tmp_path / "file" / "run", "--minutes", "1")
        assert result.exit_code == 5, result.output


def test_a_plan_means_the_same_wherever_one_stands(
    run: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cells.parent)
    options = ("--minutes", "0.1", "--device", "cpu", "--threads", "1", "--plan-only")
    assert run("train", cells.name, "-o", "run", *options).exit_code == 0
    shortened(tmp_path / "run" / "plan.json", steps=1, minutes=0, validate_every=1, fold=None)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = run("train", Path("..") / "run" / "plan.json")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "model" / "model.json").is_file() and not list((tmp_path / "elsewhere").iterdir())


def test_a_plan_is_written_edited_and_trained(run: Run, cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--minutes", "0.1", "--network", "attention", "--device", "cpu")
    planned = run("train", cells, "-o", out, *options, "--plan-only")
    assert planned.exit_code == 0, planned.output
    assert not (out / "model").exists()
    plan = load_config(out / "plan.json")
    assert plan.card.network.skip == "attention"  # type: ignore[union-attr]
    save_config(plan, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == (out / "plan.json").read_text()
    # Nobody's edits are overwritten.
    twice = run("train", cells, "-o", out)
    assert twice.exit_code == 3 and "holds a plan already" in twice.stderr
    shortened(out / "plan.json", steps=3, minutes=0, validate_every=3, checkpoint_every=3)
    trained = run("train", out / "plan.json")
    assert trained.exit_code == 0, trained.output
    assert load_config(out / "training.json").steps == 3
    changed = run("train", out / "plan.json", "--minutes", "5")
    assert changed.exit_code == 3 and "finished configuration" in changed.stderr


@pytest.mark.parametrize("command", ["train", "cross-validate"])
def test_compile_goes_into_the_plan(
    run: Run, cells: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    # What the compiler does is Testing/Core/training/loop/test_compilation.py's.
    monkeypatch.setattr(torch, "compile", lambda given, **options: asked.append(given) or given)
    out = tmp_path / "run"
    planned = run(command, cells, "-o", out, "--minutes", "0.1", "--device", "cpu", "--compile", "--plan-only")
    assert planned.exit_code == 0, planned.output
    assert load_config(out / "plan.json").compile
    assert any(isinstance(given, torch.nn.Module) for given in asked), "the pace was measured without it"


def _start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "UNetSegmentLib.cli", "train", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8")


def test_killed_in_the_middle_and_resumed_to_the_same_result(run: Run, cells: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for out in (whole, broken):
        planned = run("train", cells, "-o", out, "--minutes", "0.1", "--device", "cpu", "--threads", "1", "--plan-only")
        assert planned.exit_code == 0, planned.output
    changes = {"steps": 60, "minutes": 0, "validate_every": 30, "checkpoint_every": 10}
    shortened(whole / "plan.json", **changes)
    text = (whole / "plan.json").read_text().replace(str(whole), str(broken))
    (broken / "plan.json").write_text(text)
    assert run("train", whole / "plan.json").exit_code == 0
    process = _start(broken / "plan.json")
    deadline = time.monotonic() + 240
    while process.poll() is None and not (broken / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    _, said = process.communicate()
    assert (broken / "checkpoint.pt").exists(), said
    assert not (broken / "model").exists()
    # By the folder, as it was begun: the plan that was written is the one that goes on.
    resumed = run("train", cells, "-o", broken, "--resume")
    assert resumed.exit_code == 0, resumed.output
    ends = [torch.load(out / "checkpoint.pt", weights_only=True) for out in (whole, broken)]
    assert ends[0]["step"] == ends[1]["step"] == 60
    assert all(torch.equal(ends[0]["network"][k], ends[1]["network"][k]) for k in ends[0]["network"])
    assert torch.equal(ends[0]["generator"], ends[1]["generator"])


def test_fine_tuning_by_name(run: Run, cells: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("train", cells, "-o", first, "--minutes", "0.05", "--device", "cpu").exit_code == 0
    result = run("train", cells, "-o", second, "--minutes", "0.05", "--device", "cpu", "--from", first / "model")
    assert result.exit_code == 0, result.output
    assert "Trained further from 'cells'" in read_card(second / "model").description


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--network", "vnet"), "no network 'vnet'"),
        (("--recipe", "teeth"), "no recipe 'teeth'"),
        (("--layout", "dicom"), "no layout 'dicom'"),
        (("--fold", "one"), "'one' is no fold"),
        (("--minutes", "0"), "0 minutes"),
        (("--resume",), "no run to go on with"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    run: Run, cells: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = run("train", cells, "-o", tmp_path / "run", *options)
    # What the command line itself says is wrong usage.
    assert result.exit_code == (2 if {"--minutes", "--fold"} & set(options) else 3)
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_tensorboard_is_asked_for_in_words_where_it_is_missing(
    run: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = run("train", cells, "-o", tmp_path / "run", "--minutes", "0.05", "--device", "cpu", "--tensorboard")
    assert result.exit_code == 7
    assert "pip install tensorboard" in result.stderr
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_loss_rate_and_dice(
    run: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert Path(folder) == tmp_path / "run" / "tensorboard"

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, step))

        def close(self) -> None:
            written.append(("closed", -1))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    result = run("train", cells, "-o", tmp_path / "run", "--minutes", "0.05", "--device", "cpu", "--tensorboard")
    assert result.exit_code == 0, result.output
    assert {name for name, _ in written} == {"loss", "learning rate", "dice/Label 1", "closed"}
    assert written[-1][0] == "closed"


def test_a_finished_training_is_evaluated_on_its_own_fold(run: Run, cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run("train", cells, "-o", out, "--minutes", "0.05", "--device", "cpu", "--fold", "2").exit_code == 0
    card = read_card(out / "model")
    command = card.accuracy_command.replace("unetsegment ", "").replace(" model ", f" {out / 'model'} ")
    answer = run(*command.replace("DATA", str(cells)).split(), "--device", "cpu", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["summary"][0]["dice"] == pytest.approx(card.accuracy[0].dice, abs=1e-3)


def test_vessels_are_scored_by_pixels_inside_the_field_of_view(run: Run, cells: Path, tmp_path: Path) -> None:
    """DRIVE's layout: the mask leaves out the left half, where the labels are wrong on purpose."""
    drive, half = tmp_path / "drive", np.zeros((48, 48), np.uint8)
    half[:, 24:] = 255
    for folder in ("images", "labels", "masks"):
        (drive / folder).mkdir(parents=True)
    for n in range(5):
        lines = np.asarray(Image.open(cells / "labels" / f"{n}.png")) > 0
        Image.open(cells / "images" / f"{n}.png").convert("RGB").save(drive / "images" / f"2{n}_training.tif")
        Image.fromarray(np.where(half, lines, ~lines).astype(np.uint8) * 255).save(
            drive / "labels" / f"2{n}_manual1.png"
        )
        Image.fromarray(half).save(drive / "masks" / f"2{n}_training_mask.png")
    out = tmp_path / "run"
    options = ("--recipe", "retinal-vessels", "--minutes", "0.1", "--device", "cpu", "--fold", "0")
    assert run("train", drive, "-o", out, *options, "--plan-only").exit_code == 0
    # A busy machine would score one case alone.
    shortened(out / "plan.json", minutes=0, steps=20, validate_every=20)
    assert run("train", out / "plan.json").exit_code == 0
    answer = run("evaluate", "--model", out / "model", "--data", drive, "--fold", "0", "--json", "--device", "cpu")
    assert answer.exit_code == 0, answer.output
    pixels = json.loads(answer.stdout)["pixels"]
    assert pixels["pixels"] == 2 * 48 * 24
    [line] = read_card(out / "model").accuracy
    assert line.pixels is not None
    assert pixels["f1"] == pytest.approx(line.pixels.f1, abs=1e-3)
    assert pixels["auc"] == pytest.approx(line.pixels.auc, abs=1e-3)
    words = run("evaluate", "--model", out / "model", "--data", drive, "--fold", "0", "--device", "cpu").output
    assert f"F1 {pixels['f1']:.4f}" in " ".join(words.split())
