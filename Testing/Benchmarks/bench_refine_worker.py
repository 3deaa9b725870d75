"""From a prompt to the labels that changed: in this process, and through the worker for corrections.

python Testing/Benchmarks/bench_refine_worker.py [--prompts 20]

Of the worker also: from its start until it is ready, handing an image over, and a prompt after its death. Labels begin
empty; the prompts include and exclude in turn, at places that a seed chooses where the image is not background.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from common import DATA, table

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.refinement import Point, Session
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.refining import RefineClient, RefineListener, RefineState
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport


@dataclass(frozen=True)
class Latency:
    """Seconds.

    Args:
        opened: from the request to the session that takes prompts.
        prompts: from each prompt to the changed labels.
        replaced: a prompt (an undo, which computes nothing) whose worker was killed before it; None without one.
    """

    opened: float
    prompts: tuple[float, ...]
    replaced: float | None = None


def in_process(volume, segmentation, prompts, label=1):
    """Prompts on a session of the library. Returns a :class:`Latency`."""
    began = time.perf_counter()
    session = Session(volume, segmentation, label)
    opened = time.perf_counter() - began
    return Latency(opened, tuple(timed(lambda prompt=prompt: session.add(prompt)) for prompt in prompts))


class Waiting(RefineListener):
    """A worker, and waiting for its answers."""

    def __init__(self, folder):
        self._answered = set()
        self._transport = SubprocessTransport(threaded=False)
        self.client = RefineClient(self._transport, self, folder=folder)

    def on_opened(self, number):
        self._answered.add(number)

    def on_change(self, number, change, history):
        self._answered.add(number)

    def on_failed(self, number, error):
        raise error

    def until(self, number):
        while number not in self._answered:
            self._transport.pump(0.01)

    def until_ready(self):
        self.client.start()
        while self.client.state is not RefineState.READY:
            self._transport.pump(0.01)


def through_worker(volume, segmentation, prompts, label=1):
    """The same prompts through a worker that is ready before the clock starts. Returns a :class:`Latency`."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Waiting(folder)
        client = worker.client
        worker.until_ready()
        opened = timed(lambda: worker.until(client.open(volume, segmentation, label)))
        spent = tuple(timed(lambda prompt=prompt: worker.until(client.add(prompt))) for prompt in prompts)
        processes.kill(client.hello.pid)
        replaced = timed(lambda: worker.until(client.undo()))
        client.shutdown()
    return Latency(opened, spent, replaced)


def start_to_ready():
    """From the start of a worker to its being ready."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Waiting(folder)
        seconds = timed(worker.until_ready)
        worker.client.shutdown()
    return seconds


def timed(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def images():
    """Name and image: a crop, the whole of a real CT, and one as large as a thorax."""
    head = read_volume(DATA / "ct" / "ct_head_avm.nii.gz")
    middle = [(n - 64) // 2 for n in head.geometry.shape]
    yield "64 x 64 x 64", head.cropped(Box(tuple(middle), tuple(n + 64 for n in middle)))
    yield "256 x 242 x 154", head
    geometry = Geometry((512, 512, 400), (0.7, 0.7, 1.0), (0.0, 0.0, 0.0))
    small = head.voxels[0, ::2, ::2, ::2]
    repeats = [-(-n // s) for n, s in zip(geometry.shape, small.shape, strict=True)]
    voxels = np.tile(small, repeats)[tuple(slice(n) for n in geometry.shape)]
    yield "512 x 512 x 400", Volume(voxels[None], geometry, "tiles")


def prompts_of(volume, count):
    """Points where the image is brighter than its median."""
    rng = np.random.default_rng(0)
    shape = np.array(volume.geometry.shape)
    level = np.median(volume.voxels[0, ::8, ::8, ::8])
    points = []
    while len(points) < count:
        z, y, x = rng.integers(0, shape)
        if volume.voxels[0, z, y, x] >= level:
            point = volume.geometry.to_physical(np.array([x, y, z], float))
            points.append(Point(tuple(point), include=len(points) % 2 == 0))
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=20)
    count = parser.parse_args().prompts
    torch.set_num_threads(1)
    ready = min(start_to_ready() for _ in range(3))
    print(f"from the start of a worker until it is ready, the best of three: {ready:.2f} s")
    rows = []
    for name, volume in images():
        prompts = prompts_of(volume, count)
        for where, run in (("in process", in_process), ("worker", through_worker)):
            latency = run(volume, None, prompts)
            spent = sorted(latency.prompts)
            replaced = "" if latency.replaced is None else f"{latency.replaced:.2f}"
            rows.append([name, where, f"{latency.opened:.2f}", f"{median(spent):.3f}", f"{spent[-1]:.3f}", replaced])
    header = ["image", "where", "open s", "prompt s, median", "worst", "undo after a death s"]
    table(f"From a prompt to the changed labels, {count} prompts", header, rows)


if __name__ == "__main__":
    main()
