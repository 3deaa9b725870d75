"""Two processes train as one, from different patches, and one of them writes."""

from __future__ import annotations

import os
import socket

import pytest
import torch
from torch import distributed, multiprocessing

from UNetSegmentLib.training import LossConfig, TrainingConfig, load_config, save_config, train
from UNetSegmentLib.training.losses import total_loss


def _check_shared_overlap(rank: int) -> None:
    """Two processes with one sample each have the loss and, averaged, the gradient of one with both."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 1, 9, 9, generator=random)
    target = (torch.rand(2, 9, 9, generator=random) > 0.8).long()
    config = LossConfig("dice_ce_tversky_cldice", cldice_iterations=2)

    def result(samples: slice) -> tuple[float, torch.Tensor]:
        torch.manual_seed(1)
        layer = torch.nn.Conv2d(1, 2, 3, padding=1)
        loss = total_loss(layer(features[samples]), target[samples], config)
        loss.backward()
        return float(loss.detach()), layer.weight.grad

    loss, gradient = result(slice(rank, rank + 1))
    distributed.all_reduce(gradient)
    total = torch.tensor(loss)
    distributed.all_reduce(total)
    # Without a process group the sums stay at home.
    distributed.barrier()
    distributed.destroy_process_group()
    loss, expected = result(slice(0, 2))
    assert abs(float(total) / 2 - loss) < 1e-6
    torch.testing.assert_close(gradient / 2, expected)


def _process(rank: int, port: int, path: str) -> None:
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    result = train(load_config(path))
    assert (result.dice is None) == (rank != 0)
    _check_shared_overlap(rank)
    # Torch now and then aborts while the interpreter ends, in the teardown of gloo's threads; that is not ours to test.
    os._exit(0)


@pytest.mark.skipif(not distributed.is_gloo_available(), reason="this torch has no gloo")
def test_two_processes_train_one_network(make_config, tmp_path):
    config: TrainingConfig = make_config(steps=4, batch=1)
    path = tmp_path / "config.json"
    save_config(config, path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_process, (port, str(path)), nprocs=2, join=True)
    two = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    one = train(make_config(steps=4, batch=1, output=str(tmp_path / "alone")))
    alone = torch.load(tmp_path / "alone" / "checkpoint.pt", weights_only=True)
    assert one.model.is_dir()
    assert two["generator"].shape[0] == 2
    assert not torch.equal(two["generator"][0], two["generator"][1])
    # The second process's patches did have a say.
    assert any(not torch.equal(value, alone["network"][name]) for name, value in two["network"].items())
