"""A worker behind a real sshd gives what one on this computer gives, and its models come with the user's word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from loopback_sshd import LoopbackHost
from worker_helpers import ENVIRONMENT, until

from UNetSegmentLib.errors import ModelError, UNetSegmentError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.requests import SegmentRequest, SegmentResult
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.far.launch import far_command

GRID = Geometry((64, 40, 36), (1.0, 1.5, 2.0), (-15.0, 18.0, -20.0), (1, 0, 0, 0, -1, 0, 0, 0, 1))


def image(channels: int = 1) -> Volume:
    rng = np.random.default_rng(3)
    return Volume(rng.uniform(0, 2.4, (channels, *GRID.shape)).astype(np.float32), GRID, "Doe\\Jäne")


def asked(package: Path, channels: int) -> SegmentRequest:
    box = Box((2, 3, 4), (30, 40, 60))
    return SegmentRequest([image(channels)], str(package), box, "cpu", "balanced", {"backend": "torch"}, True, True)


def same(first: SegmentResult, second: SegmentResult) -> None:
    assert np.array_equal(first.segmentation.voxels, second.segmentation.voxels) and first.segmentation.voxels.any()
    assert first.segmentation.geometry == second.segmentation.geometry
    assert first.segmentation.labels == second.segmentation.labels
    assert (first.model, first.version, first.warnings) == (second.model, second.version, second.warnings)
    # The number of cores that its machine gives it is a worker's own affair.
    kept = [{k: v for k, v in result.settings.items() if k != "device"} for result in (first, second)]
    assert kept[0] == kept[1]
    for one, other in ((first.probabilities, second.probabilities), (first.uncertainty, second.uncertainty)):
        assert one is not None and other is not None and one.geometry == other.geometry
        assert one.name == other.name
        assert one.voxels.dtype == other.voxels.dtype and np.array_equal(one.voxels, other.voxels)


@pytest.fixture(scope="module")
def far(loopback: LoopbackHost) -> WorkerSession:
    """A far worker that may be sent models; warm for all tests here."""
    command = far_command(loopback.host(), send_models=True, ssh=loopback.ssh)
    with WorkerSession(command=command) as session:
        yield session  # type: ignore[misc]


@pytest.mark.parametrize(("dimension", "channels"), [(3, 1), (2, 1), (3, 2)])
def test_it_gives_what_a_worker_here_gives(
    far: WorkerSession,
    loopback: LoopbackHost,
    make_level_package: Callable[..., Path],
    dimension: int,
    channels: int,
) -> None:
    package = make_level_package(dimension, channels, name=f"levels{dimension}{channels}")
    request = asked(package, channels)
    with WorkerSession(environment=ENVIRONMENT) as here:
        expected = here.segment(request)
    result = far.segment(request)
    same(expected, result)
    assert far.segment(request).warm
    assert not far.client.pending
    stored = loopback.received()
    assert stored and all(len(name) == 64 for name in stored)


def test_a_model_is_sent_after_a_yes_only_and_once(
    loopback: LoopbackHost, make_level_package: Callable[..., Path]
) -> None:
    package = make_level_package(3, 1, name="not-there-yet")
    request = asked(package, 1)
    # A worker of another test may be there.
    before = set(loopback.left_behind())
    with WorkerSession(command=far_command(loopback.host(), ssh=loopback.ssh)) as session:
        with pytest.raises(UNetSegmentError) as caught:
            session.segment(request)
        assert caught.value.code == "far-model-missing" and "--send-model" in caught.value.cure
        # The session goes on; a name that neither side knows is told in the host's words.
        with pytest.raises(ModelError):
            session.load("no-such-model")
        with pytest.raises(ModelError):
            session.load(str(package.parent / "no such folder"))
        with pytest.raises(UNetSegmentError) as caught:
            session.train("a folder")
        assert caught.value.code == "far-not-there"
        session.load("hippocampus-t1", "cpu")
    until(lambda: set(loopback.left_behind()) <= before, "the end of its folder")


def test_a_package_that_was_altered_is_not_stored(
    far: WorkerSession, loopback: LoopbackHost, make_level_package: Callable[..., Path]
) -> None:
    package = make_level_package(3, 1, name="altered")
    weights = package / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    before = loopback.received()
    with pytest.raises(ModelError, match="altered"):
        far.load(str(package), "cpu")
    until(lambda: loopback.received() == before, "the end of what has begun to arrive")


def test_neither_the_relay_nor_the_far_end_loads_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom UNetSegmentLib.worker.far import check, far_end, relay\n"
        "print(sorted({'torch', 'SimpleITK', 'scipy'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout
    assert told.strip() == "[]"
