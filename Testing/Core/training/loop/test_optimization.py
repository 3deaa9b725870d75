"""Learning rates, weight decay and the moving average."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from UNetSegmentLib.training import OptimizerConfig, ScheduleConfig
from UNetSegmentLib.training.loop.averaging import MovingAverage
from UNetSegmentLib.training.loop.optimization import Schedule, make_optimizer
from UNetSegmentLib.training.loop.stopping import Watch


def test_poly_with_warmup():
    schedule = Schedule(ScheduleConfig("poly", warmup=10, power=0.9), 0.1, 1000)
    assert schedule.rate(0) == pytest.approx(0.01)
    assert schedule.rate(500) == pytest.approx(0.1 * 0.5**0.9)
    assert 0 < schedule.rate(999) < 3e-4


def test_plateau_waits_then_falls():
    schedule = Schedule(ScheduleConfig("plateau", patience=1, factor=0.5), 0.1, 1000)
    for dice in (0.5, 0.6, 0.6):
        schedule.observe(dice)
    assert schedule.rate(5) == 0.1
    schedule.observe(0.55)
    assert schedule.rate(5) == 0.05
    again = Schedule(ScheduleConfig("plateau", patience=1, factor=0.5), 0.1, 1000)
    again.load_state_dict(schedule.state_dict())
    assert (again.rate(5), again.best) == (0.05, 0.6)


def test_constant_stays():
    schedule = Schedule(ScheduleConfig("constant"), 0.1, 10)
    schedule.observe(0.1)
    assert schedule.rate(9) == 0.1


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_norms_and_biases_are_not_decayed(kind):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = make_optimizer(network, OptimizerConfig(kind, 0.1, weight_decay=0.5))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert [decay[id(p)] for p in network.parameters()] == [0.5, 0, 0, 0]


def test_moving_average_follows():
    torch.manual_seed(0)
    network = nn.BatchNorm1d(2)
    average = MovingAverage(network, 0.5)
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.running_mean.fill_(2.0)
        network.num_batches_tracked.fill_(7)
    average.update(network, step=100)
    assert average.network.weight.tolist() == [2.0, 2.0]
    assert average.network.running_mean.tolist() == [1.0, 1.0]
    assert int(average.network.num_batches_tracked) == 7
    assert not average.network.weight.requires_grad


def test_cosine_falls_by_half_a_wave():
    schedule = Schedule(ScheduleConfig("cosine"), 0.2, 100)
    assert schedule.rate(0) == pytest.approx(0.2)
    assert schedule.rate(50) == pytest.approx(0.1)
    assert schedule.rate(75) == pytest.approx(0.2 * (1 - 0.5**0.5) / 2)
    network = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.2)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
    for step in range(100):
        assert schedule.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        torchs.step()


@pytest.mark.parametrize("kind", ["poly", "cosine", "plateau"])
def test_no_schedule_falls_under_its_floor(kind):
    schedule = Schedule(ScheduleConfig(kind, patience=0, factor=0.1, floor=0.05), 0.1, 1000)
    for _ in range(5):
        schedule.observe(0.3)
    assert schedule.rate(999) == pytest.approx(0.005)


def test_a_plateau_falls_where_torchs_does():
    """torch's threshold set to none; its patience counts as ours."""
    scores = [0.1, 0.3, 0.3, 0.2, 0.25, 0.31, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.5]
    schedule = Schedule(ScheduleConfig("plateau", patience=2, factor=0.5), 0.1, 1000)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    options = {"mode": "max", "factor": 0.5, "patience": 2, "threshold": 0.0}
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    for score in scores:
        schedule.observe(score)
        torchs.step(score)
        assert schedule.rate(5) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert schedule.rate(5) < 0.1


def test_the_watch_stops_after_its_patience_and_keeps_the_best():
    network = nn.Linear(1, 1)
    watch = Watch(patience=1, keep=True)
    for number, dice in enumerate((0.5, 0.7, 0.6)):
        with torch.no_grad():
            network.weight.fill_(number)
        watch.observe(dice, (dice,), network)
    assert not watch.stopped
    again = Watch(patience=1, keep=True)
    again.load_state_dict(watch.state_dict())
    again.observe(0.7, (0.7,), network)
    assert again.stopped
    assert (float(again.weights["weight"]), again.dice, again.best) == (1.0, (0.7,), 0.7)


def test_a_watch_without_patience_never_stops():
    watch = Watch(patience=0, keep=False)
    for _ in range(100):
        watch.observe(0.1, (0.1,), nn.Linear(1, 1))
    assert not watch.stopped
    assert watch.weights is None
