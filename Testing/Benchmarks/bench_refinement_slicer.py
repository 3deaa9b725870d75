"""Seconds from a click in a slice view to the changed segment, through the real module in the Slicer harness.

    python Testing/Benchmarks/bench_refinement_slicer.py [--prompts 10] [--sizes 64 256 512]

Each row is one image: noise around a bright block whose segment is missing a part at each side. "blocked" is what the
GUI thread is held up by the click itself; "first" includes handing image and labels over to the worker.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "Testing" / "Slicer"), str(REPOSITORY / "Testing")]

SHAPES = {64: (64, 64, 64), 256: (154, 242, 256), 512: (400, 512, 512)}
"""(z, y, x) of the sizes that can be asked for."""


def main() -> None:
    """Prints one row per image, and one with a surface shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="*", choices=sorted(SHAPES), default=[64, 256])
    options = parser.parse_args()
    import SlicerHarness

    slicer = SlicerHarness.boot()
    from SlicerHarness.application import factory

    factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    slicer.app.startupCompleted.emit()
    print(f"{'image':>14} {'surface':>8} {'first':>7} {'median':>7} {'worst':>7} {'blocked':>8}")
    for size in options.sizes:
        for surface in (False, True):
            first, seconds, blocked = run(SHAPES[size], options.prompts, surface)
            shown = " x ".join(map(str, SHAPES[size][::-1]))
            print(
                f"{shown:>14} {'shown' if surface else 'none':>8} {first:7.2f} {statistics.median(seconds):7.3f} "
                f"{max(seconds):7.3f} {max(blocked):8.3f}"
            )


def run(shape: tuple[int, int, int], prompts: int, surface: bool) -> tuple[float, list[float], list[float]]:
    """Seconds of the first prompt, of the others, and of the GUI thread in them."""
    import slicer
    from correcting_desk import Desk, click, view

    slicer.mrmlScene.Clear(0)
    middle, half = np.array(shape) // 2, np.array(shape) // 5
    block = tuple(slice(m - h, m + h) for m, h in zip(middle, half, strict=True))
    image = np.random.default_rng(1).normal(0, 12, shape).astype(np.int16)
    image[block] += 100
    desk = Desk(np.eye(4), array=image, own_editor=True)
    mask = np.zeros(shape, bool)
    mask[block] = True
    mask[:, :, middle[2] + half[2] // 2 :] = False
    desk.put(mask)
    if surface:
        desk.segmentation.CreateClosedSurfaceRepresentation()
    total, blocked = [], []
    for number in range(prompts + 1):
        height = middle[1] - half[1] + 2 + (2 * half[1] - 4) * number // (prompts + 1)
        pixel = desk.pixel(view(), (int(middle[2] + half[2] * 0.7), int(height), int(middle[0])))
        began = time.perf_counter()
        click(view(), pixel)
        blocked.append(time.perf_counter() - began)
        desk.settle()
        total.append(time.perf_counter() - began)
        if desk.correction.problem is not None:
            raise desk.correction.problem
    desk.close()
    return total[0], total[1:], blocked[1:]


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order.
    os._exit(0)
