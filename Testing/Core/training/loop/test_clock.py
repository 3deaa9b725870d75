"""A training keeps the time that it was promised to take, and ends well where that makes it shorter."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from UNetSegmentLib.errors import Cancelled
from UNetSegmentLib.models import load_model
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.training import ScheduleConfig, TrainingConfig, train
from UNetSegmentLib.training.loop import clock as module
from UNetSegmentLib.training.loop.clock import After, Clock
from UNetSegmentLib.training.loop.optimization import Schedule
from UNetSegmentLib.training.loop.sampling import PatchSampler
from UNetSegmentLib.training.scoring.evaluation import evaluate_fold

Make = Callable[..., TrainingConfig]


def set_clock(monkeypatch: pytest.MonkeyPatch, now: Callable[[], float]) -> None:
    """Trainings measure their time by ``now``."""
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=now))


class Machine:
    """Runs steps on a clock of its own: ``pace(step)`` seconds each, and validations of one case."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pace: Callable[[int], float], validation: float = 0.0) -> None:
        self.now, self.pace, self.validation = 1000.0, pace, validation
        set_clock(monkeypatch, lambda: self.now)

    def run(self, minutes: float, planned: int, every: int, scored: int = 0) -> tuple[int, float]:
        """Steps taken, and seconds with the report."""
        clock = Clock(60 * minutes, After(1, scored))
        step, total = 0, planned
        while step < total:
            self.now += self.pace(step)
            step += 1
            clock.stepped()
            total = clock.length(step, total, planned, (total - 1) // every - step // every)
            if step % every == 0 or step >= total:
                self.now += self.validation
                clock.validated(self.validation, 1)
        self.now += scored * 1.5 * self.validation
        return step, clock.elapsed


def test_a_machine_that_keeps_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, lambda step: 1.0, 2.0).run(3, 150, 30)[0] == 150


@pytest.mark.parametrize("slower", [1.3, 3.0, 10.0])
def test_a_machine_that_becomes_slower(monkeypatch: pytest.MonkeyPatch, slower: float) -> None:
    steps, seconds = Machine(monkeypatch, lambda step: 1.0 if step < 20 else slower, 1.0).run(3, 150, 30, scored=4)
    assert steps < 150
    assert 0.85 * 180 < seconds <= 180 + slower


def test_a_machine_that_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, seconds = Machine(monkeypatch, lambda step: 4.0 if 10 < step < 30 else 1.0).run(3, 150, 40)
    assert steps > 85 and seconds <= 180


def test_one_slow_step_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, lambda step: 15.0 if step == 50 else 1.0).run(3, 150, 40)[0] == 150


def test_without_a_promise_the_plan_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, lambda step: 1e6).run(0, 50, 10)[0] == 50


@given(
    st.sampled_from(["poly", "cosine"]),
    st.integers(10, 200),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 150)), max_size=4),
)
def test_the_rate_comes_to_its_end_wherever_that_is(kind: str, steps: int, changes: list[tuple[int, int]]) -> None:
    """No jump where the length changes, never up, and next to nothing at the last step."""
    schedule, step, rates = Schedule(ScheduleConfig(kind), 1.0, steps), 0, []
    for ahead, more in [*changes, (10**6, 0)]:
        while step < schedule.steps and ahead:
            rates.append(schedule.rate(step))
            step, ahead = step + 1, ahead - 1
        if step < schedule.steps:
            before = schedule.rate(step)
            schedule.change_length(step, step + 1 + more)
            assert schedule.rate(step) == pytest.approx(before, abs=1e-12)
    assert all(a >= b for a, b in itertools.pairwise(rates))
    again = Schedule(ScheduleConfig(kind), 1.0, steps)
    again.load_state_dict(schedule.state_dict())
    assert [again.rate(n) for n in (step - 1, step)] == [schedule.rate(n) for n in (step - 1, step)]
    assert schedule.rate(schedule.steps) == pytest.approx(0, abs=1e-9)


def test_a_training_ends_in_time_with_all_that_belongs_to_it(
    make_config: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A minute for steps that take a second, on a clock that counts nothing else."""
    draw, now = PatchSampler.draw, [500.0]

    def slowly(self: PatchSampler) -> tuple[torch.Tensor, torch.Tensor]:
        now[0] += 1.0
        return draw(self)

    monkeypatch.setattr(PatchSampler, "draw", slowly)
    set_clock(monkeypatch, lambda: now[0])
    config = make_config(steps=1000, validate_every=400, minutes=1.0, schedule=ScheduleConfig("poly"))
    result = train(config)
    assert 50 < result.steps <= 60 and result.seconds <= 60
    assert result.dice is not None and (result.model / "model.json").is_file()
    assert result.until == 560.0
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["step"]) == result.steps
    assert float(rows[-1]["learning_rate"]) < 0.1 * config.optimizer.learning_rate
    # Nothing is left to do.
    assert train(config).steps == result.steps


def test_a_promise_that_is_kept_anyway_changes_no_bit(make_config: Make, tmp_path: Path) -> None:
    plain = train(make_config(output=str(tmp_path / "plain")))
    promised = train(make_config(output=str(tmp_path / "promised"), minutes=60.0))
    ours, theirs = (load_model(result.model).network().state_dict() for result in (plain, promised))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_pause_does_not_count_and_what_was_before_does(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    token, now = CancelToken(), [0.0]
    draw = PatchSampler.draw

    def slowly(self: PatchSampler) -> tuple[torch.Tensor, torch.Tensor]:
        now[0] += 10.0
        return draw(self)

    def stop(event: ProgressEvent) -> None:
        if event.stage == "train" and event.done >= 4:
            token.cancel()

    monkeypatch.setattr(PatchSampler, "draw", slowly)
    set_clock(monkeypatch, lambda: now[0])
    config = make_config(steps=6, minutes=50.0)
    with pytest.raises(Cancelled):
        train(config, stop, token)
    assert torch.load(Path(config.output) / "checkpoint.pt", weights_only=True)["seconds"] == 40.0
    now[0] += 1e6
    assert train(config).seconds == 60.0


def test_the_report_scores_what_there_is_time_for(make_config: Make) -> None:
    """One case at least; what was left out is said."""
    config = make_config(steps=1)
    model = load_model(train(config).model)
    whole = evaluate_fold(model, config.dataset, 0, device="cpu")
    late = evaluate_fold(model, config.dataset, 0, device="cpu", until=0.0)
    assert len(whole.scores) == 2 and not any("time was up" in note for note in whole.notes)
    assert len(late.scores) == 1 and "1 of 2 held-out cases were scored, since the time was up." in late.notes
