"""Learning rates, weight decay and the moving average."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from UNetSegmentLib.training import OptimizerConfig, ScheduleConfig
from UNetSegmentLib.training.averaging import MovingAverage
from UNetSegmentLib.training.optimization import Schedule, make_optimizer


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
