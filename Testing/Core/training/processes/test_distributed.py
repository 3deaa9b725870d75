"""Two processes train as one process would, and one of them writes; what they say when one of them is lost."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing

from UNetSegmentLib.errors import Cancelled, InputError, ResourceError
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.training import (
    AugmentationConfig,
    LossConfig,
    OptimizerConfig,
    TrainingConfig,
    TrainingEvent,
    load_config,
    save_config,
    train,
)
from UNetSegmentLib.training.loop.state import load_checkpoint, start_state
from UNetSegmentLib.training.losses import total_loss
from UNetSegmentLib.training.processes.distributed import World

needs_gloo = pytest.mark.skipif(not distributed.is_gloo_available(), reason="this torch has no gloo")


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


def _process(rank: int, path: str) -> None:
    _join(rank, path)
    result = train(load_config(path))
    assert (result.dice is None) == (rank != 0)
    _check_shared_overlap(rank)
    # Torch now and then aborts while the interpreter ends, in the teardown of gloo's threads; that is not ours to test.
    os._exit(0)


def _join(rank: int, path: str) -> None:
    torch.set_num_threads(1)
    # They find each other by a file: a port that is free now may be another program's when they have started.
    place = Path(path).with_name("meeting").as_uri()
    distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=2)


@needs_gloo
def test_two_processes_train_the_network_that_one_trains(make_config, tmp_path):
    """Three samples on two processes; batch norm and voxels that do not count tie all samples together."""
    card = make_config().card
    network = dataclasses.replace(card.network, norm="batch", out_channels=2)
    card = dataclasses.replace(
        card,
        network=network,
        labels=card.labels[:1],
        inference=dataclasses.replace(card.inference, output_values=(0, 1)),
    )
    loss = LossConfig("dice_ce", ignore_label=2, class_weights=(0.3, 0.7), batch_dice=False)
    augmentation = AugmentationConfig(elastic=0.3, bias_field=0.3, noise=0.5, cutout=0.3)
    settings = {"steps": 4, "batch": 3, "card": card, "loss": loss, "ema": 0.5, "augmentation": augmentation}
    config: TrainingConfig = make_config(optimizer=OptimizerConfig("sgd", 0.05), **settings)
    path = tmp_path / "config.json"
    save_config(config, path)
    multiprocessing.spawn(_process, (str(path),), nprocs=2, join=True)
    two = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    one = train(dataclasses.replace(config, output=str(tmp_path / "alone")))
    alone = torch.load(tmp_path / "alone" / "checkpoint.pt", weights_only=True)
    assert one.model.is_dir()
    assert torch.equal(two["generator"], alone["generator"])
    begun = start_state(config, torch.Generator(), torch.device("cpu"), False).network.state_dict()
    for kind in ("network", "average"):
        for name, value in two[kind].items():
            torch.testing.assert_close(value, alone[kind][name], rtol=1e-4, atol=1e-5)
    assert any(not torch.allclose(begun[name], value, atol=1e-3) for name, value in two["network"].items())
    # What two have begun one may finish, and one step more is no other batch than it would have been.
    longer = train(dataclasses.replace(config, steps=5))
    assert longer.dice is not None


def _lost(rank: int, path: str) -> None:
    _join(rank, path)

    def leave(event: ProgressEvent) -> None:
        if isinstance(event, TrainingEvent):
            os._exit(0)

    try:
        train(load_config(path), leave if rank == 0 else None)
    except ResourceError as error:
        Path(path).with_name("said.txt").write_text(str(error))
    os._exit(0)


@needs_gloo
def test_a_process_that_is_lost_is_missed_at_once(make_config, tmp_path):
    path = tmp_path / "config.json"
    save_config(make_config(steps=100, validate_every=2), path)
    multiprocessing.spawn(_lost, (str(path),), nprocs=2, join=True)
    said = (tmp_path / "said.txt").read_text()
    assert "Another of the 2 processes" in said
    assert "--resume" in said


def test_a_batch_is_shared_whole():
    worlds = [World(rank, 3) for rank in range(3)]
    assert [list(world.part(5)) for world in worlds] == [[0], [1, 2], [3, 4]]
    assert sum(world.weight(5) for world in worlds) == pytest.approx(3.0)
    with pytest.raises(InputError, match="batch of 2"):
        worlds[0].part(2)


def _stopped(rank: int, path: str) -> None:
    _join(rank, path)
    token = CancelToken()

    def stop(event: ProgressEvent) -> None:
        if isinstance(event, TrainingEvent):
            token.cancel()

    try:
        train(load_config(path), stop if rank == 0 else None, token)
    except Cancelled as error:
        Path(path).with_name(f"said{rank}.txt").write_text(str(error))
    os._exit(0)


@needs_gloo
def test_processes_stop_after_the_same_step(make_config, tmp_path):
    """Only the first one was told to."""
    path = tmp_path / "config.json"
    save_config(make_config(steps=100, validate_every=3, checkpoint_every=50), path)
    multiprocessing.spawn(_stopped, (str(path),), nprocs=2, join=True)
    assert [(tmp_path / f"said{rank}.txt").read_text() for rank in range(2)] == [
        "The training was stopped after step 3 of 100."
    ] * 2
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3


def test_the_second_process_goes_on_with_its_own_random_numbers(make_config, tmp_path):
    train(make_config(steps=4))
    path = tmp_path / "run" / "checkpoint.pt"
    content = torch.load(path, weights_only=True)
    other = torch.Generator().manual_seed(5).get_state()
    torch.save({**content, "torch_rng": torch.stack([content["torch_rng"][0], other])}, path)
    config = make_config(steps=4)
    state = start_state(config, torch.Generator(), torch.device("cpu"), False)
    load_checkpoint(state, config, path, World(1, 2))
    assert torch.equal(torch.get_rng_state(), other)
