"""Trainings through the worker: folders on the disk, the request and its answer, and a real one in seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from worker_helpers import ENVIRONMENT, FAKE

from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation, write_volume
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.models import read_card
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.protocol.messages import Train
from UNetSegmentLib.worker.protocol.training_runs import (
    CHECKPOINT,
    DATA,
    ORDER,
    Outcome,
    TrainingOrder,
    clear_run,
    discard_run,
    list_runs,
    make_run,
    note_step,
    read_order,
    read_run,
    write_outcome,
)
from UNetSegmentLib.worker.running import training

TERM = Terminology(CodedTerm("SCT", "85756007", "Tissue"), CodedTerm("SCT", "10200004", "Liver"))
LABELS = (Label(1, "Shell", (10, 20, 30), TERM), Label(2, "Core", (40, 50, 60)))
ORDERED = TrainingOrder("balls", "Balls", "/data", minutes=0.03, device="cpu", threads=1)
OUTCOME = Outcome(True, 9, 9, "balls", "1.0.0", "Balls", "/models/balls", ("Shell",), (0.5,))


@pytest.fixture
def session() -> Iterator[WorkerSession]:
    with WorkerSession(command=FAKE, environment=ENVIRONMENT) as worker:
        yield worker


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four balls with a core, as the panel copies them."""
    for n in range(4):
        distance = np.linalg.norm(
            np.indices((12, 14, 16)) - np.array([6.0, 7.0, 7.0 + 0.5 * n])[:, None, None, None], axis=0
        )
        label = np.where(distance < 3, 2, np.where(distance < 5, 1, 0)).astype(np.uint8)
        voxels = 1000.0 * label + np.random.default_rng(n).normal(0, 100, label.shape)
        grid = Geometry((16, 14, 12))
        for folder in ("images", "labels"):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
        write_volume(Volume(voxels.astype(np.float32)[None], grid), tmp_path / "data" / "images" / f"{n}.nrrd")
        write_segmentation(Segmentation(label, grid, LABELS), tmp_path / "data" / "labels" / f"{n}.seg.nrrd")
    (tmp_path / "data" / "dataset.json").write_text(json.dumps({"labels": {"1": "Shell", "2": "Core"}}))
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a training on the balls."""

    def make(**changes: object) -> Path:
        return make_run(replace(ORDERED, source=str(data), **changes), tmp_path / "runs")  # type: ignore[arg-type]

    return make


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_training_is_found_again_by_its_folder(tmp_path: Path) -> None:
    folder = make_run(ORDERED, tmp_path / "runs")
    assert read_order(folder) == ORDERED
    (found,) = list_runs(tmp_path / "runs")
    assert (found.folder, found.step, found.steps, found.has_checkpoint, found.finished) == (folder, 0, 0, False, False)
    (folder / "plan.json").write_text('{"steps": 40}')
    (folder / "log.csv").write_text("step,loss\n10,0.5\n20,0.4\n")
    (folder / CHECKPOINT).write_bytes(b"x")
    stands = read_run(folder)
    assert (stands.step, stands.steps, stands.has_checkpoint) == (20, 40, True)
    note_step(folder, 23)
    assert read_run(folder).step == 23
    write_outcome(replace(OUTCOME, whole=False), folder)
    assert not read_run(folder).finished
    write_outcome(OUTCOME, folder)
    assert read_run(folder).outcome == OUTCOME
    assert read_run(folder).finished


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    make_run(ORDERED, tmp_path)
    with pytest.raises(InputError, match="called 'balls' already"):
        make_run(ORDERED, tmp_path)
    write_outcome(OUTCOME, tmp_path / "balls")
    assert make_run(ORDERED, tmp_path) == tmp_path / "balls"
    assert read_run(tmp_path / "balls").outcome is None


def test_damaged_trainings_are_left_out_and_foreign_folders_too(tmp_path: Path) -> None:
    make_run(ORDERED, tmp_path)
    (tmp_path / "notes").mkdir()
    broken = make_run(replace(ORDERED, name="broken"), tmp_path)
    (broken / ORDER).write_text("{")
    assert [found.order.name for found in list_runs(tmp_path)] == ["balls"]
    assert list_runs(tmp_path / "nowhere") == []
    with pytest.raises(InputError, match="no training"):
        read_order(broken)


def test_discarding_leaves_nothing_and_clearing_leaves_the_report(tmp_path: Path) -> None:
    folder = make_run(ORDERED, tmp_path)
    for name in (CHECKPOINT, "report.html", f"{DATA}/images/a.nrrd", "model/model.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    clear_run(folder, copied=True)
    assert sorted(path.name for path in folder.iterdir()) == [ORDER, "report.html"]
    discard_run(folder)
    assert not folder.exists()


# -- the request -------------------------------------------------------------------------------------------------------


def test_a_training_tells_its_progress_and_what_came_of_it(session: WorkerSession) -> None:
    events: list[ProgressEvent] = []
    answer = session.train("/runs/balls", keep=True, models="/packages", progress=events.append)
    assert (answer.outcome.whole, answer.outcome.folder, answer.outcome.dice) == (False, "/packages", (None,))
    assert events[-1].stage == "train"


def test_a_training_can_be_stopped_and_the_worker_goes_on(session: WorkerSession) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        session.train("/runs/balls.wait", progress=lambda event: cancel.cancel(), cancel=cancel)
    assert session.train("/runs/balls").outcome.whole


# -- real ones ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    if "torch" not in sys.modules:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def as_nice_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "step_back", lambda: None)


def test_from_an_order_to_a_model_among_the_users_own(run: Callable[..., Path], tmp_path: Path) -> None:
    folder, stages = run(), []
    answer = training.carry_out(
        Train(3, str(folder), models=str(tmp_path / "models")), lambda event: stages.append(event.stage), CancelToken()
    )
    outcome = answer.outcome
    assert answer.id == 3 and outcome.whole and outcome.step == outcome.steps > 0
    assert list(dict.fromkeys(stages)) == ["fingerprint", "read cases", "train", "evaluate", "draw", "install"]
    card = read_card(tmp_path / "models" / "balls")
    assert (card.name, card.title, outcome.folder) == ("balls", "Balls", str(tmp_path / "models" / "balls"))
    # Names, colours and terms of the label files, and what was measured on the held-out case.
    assert card.labels == LABELS
    assert [line.cases for line in card.accuracy] == [1, 1]
    assert outcome.labels == ("Shell", "Core") and len(outcome.dice) == 2
    assert outcome.report is not None and Path(outcome.report).is_file()
    assert not (folder / CHECKPOINT).exists()
    assert read_run(folder).finished
    assert (Path(read_order(folder).source) / "images").is_dir(), "data that was not copied stays"


def test_a_stopped_training_is_kept_as_a_model_and_then_continued(run: Callable[..., Path], tmp_path: Path) -> None:
    folder, cancel = run(minutes=0.1, folds=0), CancelToken()
    ask = Train(1, str(folder), models=str(tmp_path / "models"))

    def stop(event: ProgressEvent) -> None:
        if event.stage == "train":
            cancel.cancel()

    with pytest.raises(Cancelled):
        training.carry_out(ask, stop, cancel)
    stopped = read_run(folder)
    assert stopped.has_checkpoint and 0 < stopped.step < stopped.steps
    kept = training.carry_out(replace(ask, keep=True), lambda event: None, CancelToken()).outcome
    assert not kept.whole and kept.dice == () and (folder / CHECKPOINT).exists()
    before = (tmp_path / "models" / "balls" / "weights.safetensors").read_bytes()
    steps: list[int] = []
    done = training.carry_out(ask, lambda e: steps.append(e.done) if e.stage == "train" else None, CancelToken())
    assert done.outcome.whole and steps[0] > stopped.step
    assert (tmp_path / "models" / "balls" / "weights.safetensors").read_bytes() != before


def test_nothing_learned_cannot_be_kept(run: Callable[..., Path]) -> None:
    folder = run(folds=0)
    with pytest.raises(InputError, match="Nothing has been learned"):
        training.carry_out(Train(1, str(folder), keep=True), lambda event: None, CancelToken())


def test_a_recipe_and_a_network_reach_the_plan(run: Callable[..., Path]) -> None:
    folder = run(recipe="hippocampus", network="attention", folds=2)
    plan = training.plan_order(read_order(folder), folder, lambda event: None, CancelToken())
    assert plan.config.card.network.skip == "attention"
    assert plan.config.card.preparation.normalization[0].kind == "percentile"
    assert (plan.config.folds, plan.config.fold, len(plan.fingerprint.cases)) == (2, 0, 2)
    assert plan.config.card.title == "Balls"


def test_the_licence_of_the_model_that_is_trained_further_is_kept(run: Callable[..., Path], tmp_path: Path) -> None:
    first = run(folds=0)
    ask = Train(1, str(first), models=str(tmp_path / "models"))
    base = Path(training.carry_out(ask, lambda event: None, CancelToken()).outcome.folder)
    card = json.loads((base / "model.json").read_text(encoding="utf-8"))
    (base / "model.json").write_text(json.dumps({**card, "licence": "CC-BY-NC-4.0"}), encoding="utf-8")
    second = run(name="more", title="More", start_from=str(base), folds=0)
    plan = training.plan_order(read_order(second), second, lambda event: None, CancelToken())
    assert plan.config.start_from == str(base)
    assert "CC-BY-NC-4.0" in plan.config.card.licence and "Balls" in plan.config.card.licence
