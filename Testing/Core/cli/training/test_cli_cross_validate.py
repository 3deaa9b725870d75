"""``unetsegment cross-validate``, and what a terminal shows of a training."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import Result

from UNetSegmentLib.cli.training.stopping import going_on
from UNetSegmentLib.cli.training.table import _Screen, cells_of, heading
from UNetSegmentLib.errors import Cancelled
from UNetSegmentLib.models import read_card
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.training import TrainingEvent, load_config

Run = Callable[..., Result]
EVENT = TrainingEvent(
    "train",
    done=50,
    total=200,
    seconds_left=75.0,
    loss=0.75,
    learning_rate=0.002,
    dice=(0.5, 0.25),
    seconds_per_step=0.5,
    terms={"dice": 0.5, "ce": 0.25},
    best=0.375,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_from_a_folder_to_a_table_and_an_ensemble(run: Run, cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--folds", "2", "--minutes", "0.05", "--device", "cpu", "--threads", "1")
    planned = run("cross-validate", cells, "-o", out, *options, "--plan-only")
    assert planned.exit_code == 0, planned.output
    plan = load_config(out / "plan.json")
    assert (plan.fold, plan.folds) == (None, 2)
    # One plan for all: each fold's differs in what is held out and where it goes.
    assert [load_config(out / f"fold_{n}" / "plan.json").fold for n in range(2)] == [0, 1]
    content = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps({**content, "steps": 3, "validate_every": 3, "checkpoint_every": 3}))
    trained = run("cross-validate", out / "plan.json", "--final")
    assert trained.exit_code == 0, trained.output
    assert "5 cases, 2-fold cross-validation" in " ".join(trained.stdout.split())
    assert "Fold 1 of 2" in trained.stderr
    assert len(read_card(out / "model").weights) == 2
    assert read_card(out / "final" / "model").accuracy[0].cases == 5
    # The same command once more has nothing left to train.
    again = run("cross-validate", out / "plan.json", "--json")
    assert again.exit_code == 0, again.output
    assert "step" not in again.stderr
    found = json.loads(again.stdout)
    table = json.loads((out / "cross-validation.json").read_text(encoding="utf-8"))
    assert found["labels"][0]["dice"]["mean"] == table["labels"][0]["dice"]["mean"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--folds", "1"), "1 folds hold nothing out"),
        (("--minutes", "0"), "0 minutes"),
        (("--resume",), "no run to go on with"),
        (("--from", "nothing", "--network", "unet"), "keeps its network"),
        (("--network", "unet", "--pretrained", "timm"), "'mobilenet' and 'efficientnet' only"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, cells: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = run("cross-validate", cells, "-o", tmp_path / "run", *options)
    assert result.exit_code == (2 if {"--minutes", "--folds", "--from"} & set(options) else 3)
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "run").exists()


def test_a_single_case_cannot_be_split(run: Run, cells: Path, tmp_path: Path) -> None:
    for n in range(1, 5):
        for folder in ("images", "labels"):
            (cells / folder / f"{n}.png").unlink()
    result = run("cross-validate", cells, "-o", tmp_path / "run")
    assert result.exit_code == 3
    assert "one case and cannot be split" in result.stderr


def test_a_row_of_the_table() -> None:
    row = dict(zip(heading(["a", "b"]), cells_of(EVENT, ["a", "b"]) or (), strict=True))
    assert row == {
        "step": "50/200",
        "steps/s": "2.00",
        "loss": "0.7500",
        "of which": "dice 0.500 + ce 0.250",
        "rate": "2.00e-03",
        "Dice a": "0.5000",
        "Dice b": "0.2500",
        "best": "0.3750",
        "left": "75 s",
    }
    assert cells_of(ProgressEvent("train", 3, 4), ["a"]) is None


def test_the_live_table_shows_the_run_and_the_fold() -> None:
    console = Console(width=110, record=True, force_terminal=True)
    screen = _Screen(["a", "b"], console)
    for event in (ProgressEvent("fold", 1, 4, message="fold 1"), EVENT, ProgressEvent("train", 53, 200, 70.0)):
        screen(event)
    console.print(screen.picture())
    text = console.export_text()
    for words in ("Fold 2 of 4: fold 1", "50/200", "0.3750", "53/200", "70 s left", "best mean Dice 0.3750"):
        assert words in text
    screen(ProgressEvent("fold", 2, 4, message="fold 2"))
    console.print(screen.picture())
    assert "best" not in console.export_text(clear=True).splitlines()[-1]


@pytest.mark.parametrize("begun", [False, True])
def test_a_stopped_run_tells_how_to_go_on(tmp_path: Path, begun: bool) -> None:
    out = tmp_path / "my run"
    out.mkdir()
    if begun:
        (out / "checkpoint.pt").touch()
    with pytest.raises(Cancelled) as caught, going_on("train", out, tmp_path / "data"):
        raise Cancelled("Stopped.")
    words = shlex.split(caught.value.cure.removeprefix("Go on with: "))
    assert words == ["unetsegment", "train", str(out / "plan.json"), *(["--resume"] if begun else [])]
