"""Real worker processes with real networks: the same answer as in this process, warm, cancelled, killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worker_helpers import ENVIRONMENT, ended, until

from UNetSegmentLib.errors import Cancelled, InputError, ModelError, ResourceError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.client import SegmentRequest
from UNetSegmentLib.worker.client.session import WorkerSession, segment_through_worker
from UNetSegmentLib.worker.transport.launch import default_command

OBLIQUE = Geometry((28, 26, 20), (0.9, 1.1, 1.5), (-20.0, 5.0, 70.0), (0, -0.6, 0.8, 1, 0, 0, 0, 0.8, 0.6))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random network in a real package."""
    import torch

    from UNetSegmentLib.labels import Label
    from UNetSegmentLib.models import InferenceContract, InputChannel, ModelCard, Normalization, Preparation, save_model
    from UNetSegmentLib.networks import NetworkConfig, build

    torch.manual_seed(3)
    config = NetworkConfig(
        3, 1, 3, (4, 8), ((3, 3, 3), (3, 3, 3)), ((1, 1, 1), (2, 2, 2)), encoder_convs=(1, 1), decoder_convs=(1,)
    )
    card = ModelCard(
        name="tiny",
        version="0.1",
        title="Tiny",
        description="Random weights.",
        anatomy="none",
        modality="any",
        inputs=(InputChannel("image", "any"),),
        labels=(Label(1, "one", (255, 0, 0)), Label(2, "two", (0, 0, 255))),
        network=config,
        preparation=Preparation("RAS", spacing=(1.0, 1.0, 1.0), normalization=(Normalization("zscore"),)),
        inference=InferenceContract((16, 16, 16), 0.25, (2,), output_values=(0, 1, 2)),
    )
    return save_model(card, [build(config).state_dict()], tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def image() -> Volume:
    voxels = np.random.default_rng(1).normal(size=(1, *OBLIQUE.shape)).astype(np.float32)
    return Volume(voxels, OBLIQUE, "oblique")


@pytest.fixture(scope="module")
def worker() -> Any:
    with WorkerSession(environment=ENVIRONMENT) as session:
        yield session
    assert ended(session.client.hello.pid)


def tiles_done(listener: Any) -> int:
    return max((event.done for _, event in listener.all("progress") if event.stage == "segment"), default=0)


def test_torch_and_devices_are_told(worker: WorkerSession) -> None:
    import torch

    ready = worker.start()
    assert ready.torch == str(torch.__version__) and ready.devices[-1].name == "cpu"
    assert ready.devices[-1].free_memory and ready.devices[-1].title


def test_the_same_answer_as_in_this_process(worker: WorkerSession, package: Path, image: Volume) -> None:
    from UNetSegmentLib import Segmenter, load_model

    box = Box((1, 2, 3), (20, 24, 28))
    request = SegmentRequest([image], str(package), box, "cpu", "exact", {"mirrors": False}, True, True)
    result = worker.segment(request)
    settings = (
        __import__("UNetSegmentLib.inference", fromlist=["preset"]).preset("exact").with_overrides(request.settings)
    )
    expected = Segmenter(load_model(package), "cpu", settings=settings).segment(
        image, box, probabilities=True, uncertainty=True
    )
    # Another process may split the arithmetic otherwise; labels may flip only where two classes are equal to rounding.
    agreement = np.mean(result.segmentation.voxels == expected.segmentation.voxels)
    assert agreement > 0.9999
    assert set(np.unique(result.segmentation.voxels)) == {0, 1, 2}
    assert result.segmentation.voxels.dtype == expected.segmentation.voxels.dtype
    assert result.segmentation.geometry == OBLIQUE
    assert result.segmentation.labels == expected.segmentation.labels
    assert np.allclose(result.probabilities.voxels, expected.probabilities.voxels, atol=1e-5)
    assert np.allclose(result.uncertainty.voxels, expected.uncertainty.voxels, atol=1e-4)
    assert result.settings.keys() == expected.settings.keys() and result.model == "tiny"


def test_warm_from_the_second_request_on(worker: WorkerSession, package: Path, image: Volume) -> None:
    worker.unload()
    request = SegmentRequest([image], str(package), device="cpu")
    assert [worker.segment(request).warm, worker.segment(request).warm] == [False, True]
    assert worker.unload().models == (str(package),)
    assert not worker.load(str(package), "cpu").warm
    assert worker.segment(request).warm


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "no-such-model"}, ModelError),
        ({"preset": "no-such-preset"}, InputError),
        ({"settings": {"no_such_setting": 1}}, InputError),
        ({"settings": {"patch": [16, 16]}}, InputError),
        ({"device": "cuda:77"}, ResourceError),
        ({"region": Box((0, 0, 0), (0, 1, 1))}, InputError),
        ({"region": Box((500, 0, 0), (501, 1, 1))}, InputError),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_errors_come_back_as_the_librarys_own(
    worker: WorkerSession, package: Path, image: Volume, change: dict[str, Any], error: type
) -> None:
    values: dict[str, Any] = {"inputs": [image], "model": str(package), "device": "cpu", **change}
    with pytest.raises(error) as caught:
        worker.segment(SegmentRequest(**values))
    assert caught.value.cause and caught.value.cure


def test_constant_and_infinite_voxels_are_refused(worker: WorkerSession, package: Path, image: Volume) -> None:
    broken = image.voxels.copy()
    broken[0, 0, 0, 0] = np.inf
    with pytest.raises(InputError, match="oblique"):
        worker.segment(SegmentRequest([Volume(broken, OBLIQUE, "oblique")], str(package), device="cpu"))


def test_cancel_between_tiles_and_the_next_run_works(
    start: Callable[..., tuple[Any, Any]], package: Path, image: Volume
) -> None:
    client, listener = start(default_command())
    # So many overlapping tiles that nobody waits for them.
    slow = SegmentRequest([image], str(package), device="cpu", settings={"overlap": 0.95, "spacing_scale": 0.5})
    number = client.segment(slow)
    until(lambda: tiles_done(listener), "the first tile")
    client.cancel(number)
    assert isinstance(listener.answer(number), Cancelled)
    last = listener.all("progress")[-1][1]
    assert last.stage == "segment" and last.done < last.total
    result = listener.answer(client.segment(SegmentRequest([image], str(package), device="cpu")))
    assert result.warm, "a cancel must not cost the loaded model"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_in_the_middle_and_the_next_run_works(
    start: Callable[..., tuple[Any, Any]], package: Path, image: Volume
) -> None:
    client, listener = start(default_command())
    slow = SegmentRequest([image], str(package), device="cpu", settings={"overlap": 0.95, "spacing_scale": 0.5})
    number = client.segment(slow)
    until(lambda: tiles_done(listener), "the first tile")
    os.kill(client.hello.pid, signal.SIGKILL)
    assert listener.answer(number).code == "worker-crashed"
    result = listener.answer(client.segment(SegmentRequest([image], str(package), device="cpu")))
    assert not result.warm


def test_the_bundled_model_on_a_real_scan(shared_data: Path) -> None:
    from UNetSegmentLib.io import read_segmentation, read_volume
    from UNetSegmentLib.models import list_models

    if "hippocampus-t1" not in [card.name for card in list_models()]:
        pytest.skip("hippocampus-t1 is not bundled yet")
    folder = shared_data / "msd_hippocampus"
    scan = sorted((folder / "images").glob("*.nii*"))[0]
    stages: list[str] = []
    result = segment_through_worker(
        [read_volume(scan)], "hippocampus-t1", device="cpu", progress=lambda event: stages.append(event.stage)
    )
    truth = read_segmentation(folder / "labels" / scan.name)
    for value in (1, 2):
        mine, theirs = result.segmentation.mask(value), truth.mask(value)
        assert 2 * (mine & theirs).sum() / (mine.sum() + theirs.sum()) > 0.75
    assert [label.terminology is not None for label in result.segmentation.labels] == [True, True]
    assert "segment" in stages
