"""From a prompt to the changed mask, in process and through the worker, and what 200 prompts in a row cost."""

import time
from contextlib import contextmanager
from statistics import median

import numpy as np
from common import head_ct
from peer_memory import _resident as resident

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import Point, Session
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.refining import RefineSession

from .tables import markdown

SIZES = ("64x64x64 crop", "256x242x154 CT", "512x512x400")
BRIGHT = 150
"""HU: vessels with contrast, and bone; what the clicks point at."""


def volumes():
    """Name and image of each size: the head CT, a crop from its middle, and the head repeated."""
    head = head_ct()
    shape = np.array(head.geometry.shape)
    start = (shape - 64) // 2
    box = Box(tuple(map(int, start)), tuple(map(int, start + 64)))
    crop = np.ascontiguousarray(head.voxels[(slice(None), *box.slices)])
    yield SIZES[0], Volume(crop, head.geometry.cropped(box), SIZES[0])
    yield SIZES[1], head
    repeats = [-(-wanted // have) for wanted, have in zip((400, 512, 512), shape, strict=True)]
    large = np.tile(head.voxels[0].astype(np.int16), repeats)[:400, :512, :512]
    geometry = Geometry((512, 512, 400), head.geometry.spacing)
    yield SIZES[2], Volume(np.ascontiguousarray(large)[None], geometry, SIZES[2])


def pairs(volume, count, seed=0):
    """Clicks at bright places (as the head has them), each as an include and then as an exclude."""
    rng, found = np.random.default_rng(seed), []
    shape = np.array(volume.geometry.shape)
    while len(found) < count:
        index = rng.integers(0, shape)
        if volume.voxels[(0, *index)] > BRIGHT:
            point = tuple(map(float, volume.geometry.to_physical(index[None, ::-1].astype(float))[0]))
            found.append((Point(point), Point(point, include=False)))
    return found


def table(clicks=20):
    """Markdown: seconds of the including and of the excluding clicks, median and worst."""
    rows = []
    for name, volume in volumes():
        prompts = pairs(volume, clicks)
        for how, opened in (("in process", _in_process), ("worker", _in_worker)):
            with opened(volume) as (session, seconds):
                # The first prompt loads scipy, and starts what a session keeps.
                first = _timed(session, prompts[0][0])[0]
                session.undo()
                taken = [(_timed(session, put), _timed(session, away)) for put, away in prompts]
            adding, removing = ([step[side][0] for step in taken] for side in (0, 1))
            largest = max(step[0][1] for step in taken)
            rows.append(
                [name, how, f"{seconds:.2f}", f"{first:.2f}", *_spread(adding), *_spread(removing), str(largest)]
            )
    header = ["image", "how", "opening", "first", "include, median", "worst", "exclude, median", "worst", "most voxels"]
    return markdown(header, rows)


def in_a_row(prompts=200, places=5):
    """Markdown: the first and the last ten of many prompts, which go round the same places, and memory."""
    volume = head_ct()
    session, turns = Session(volume, _empty(volume)), pairs(volume, places)
    order = [prompt for pair in turns for prompt in pair] * (prompts // (2 * places))
    seconds, memory = [], []
    for prompt in order:
        seconds.append(_timed(session, prompt)[0])
        memory.append(resident() / 2**20)
    ten = 2 * places
    row = [
        str(len(order)),
        f"{median(seconds[ten : 2 * ten]):.3f}",
        f"{median(seconds[-ten:]):.3f}",
        f"{max(seconds):.2f}",
        f"{memory[2 * ten - 1]:.0f}",
        f"{memory[-1]:.0f}",
    ]
    header = [
        "prompts",
        f"median s, {ten + 1} to {2 * ten}",
        f"last {ten}",
        "worst",
        f"MB after {2 * ten}",
        "at the end",
    ]
    return markdown(header, [row])


@contextmanager
def _in_process(volume):
    began = time.perf_counter()
    session = Session(volume, _empty(volume))
    yield session, time.perf_counter() - began


@contextmanager
def _in_worker(volume):
    began = time.perf_counter()
    with RefineSession(volume, _empty(volume)) as session:
        yield session, time.perf_counter() - began


def _empty(volume):
    return Segmentation(np.zeros(volume.geometry.shape, np.uint8), volume.geometry)


def _timed(session, prompt):
    """Seconds, and voxels that changed."""
    began = time.perf_counter()
    change = session.add(prompt)
    return time.perf_counter() - began, change.voxels


def _spread(seconds):
    return f"{median(seconds):.3f}", f"{max(seconds):.2f}"
