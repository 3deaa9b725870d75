"""Peak memory on the CPU, above the process with image and network in place; each case in a process of its own.

python bench_memory.py [--small]
"""

import argparse
import subprocess
import sys
import time

import numpy as np
import torch
from common import head_ct, model_of, peak_rss, small_unet, table

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.volume import Volume

NNUNET = (32, 64, 128, 256, 320, 320)
# name: size (x, y, z) or the head CT, classes, features, patch, spacing
CASES = {
    "wide": ((512, 512, 400), 25, (4, 8, 16), (64, 128, 128), None),
    "wide, 105 classes": ((512, 512, 400), 105, (4, 8, 16), (64, 128, 128), None),
    "head CT, 2 classes": (None, 2, NNUNET, (128, 128, 128), 1.5),
    "head CT, 25 classes": (None, 25, NNUNET, (128, 128, 128), 1.5),
    "head CT, 105 classes": (None, 105, NNUNET, (128, 128, 128), 1.5),
}
SMALL = {"small": ((160, 160, 120), 40, (4, 8, 16), (32, 64, 64), None)}


def volume_of(size):
    if size is None:
        return head_ct()
    voxels = np.random.default_rng(0).integers(-1000, 1000, (1, *size[::-1]), dtype=np.int16)
    return Volume(voxels, Geometry(size, (0.8, 0.8, 1.0)))


def measure(name):
    """Prints bytes above what was there before, seconds and tiles."""
    size, classes, features, patch, spacing = {**CASES, **SMALL}[name]
    volume = volume_of(size)
    model = model_of(small_unet(classes, features), patch, **({"spacing": (spacing,) * 3} if spacing else {}))
    network = model.network(0)
    with torch.inference_mode():
        network(torch.zeros(1, 1, 64, 64, 64))  # what every process does once
    segmenter = Segmenter(model, device="cpu", settings=EngineSettings(backend="torch"))
    before = peak_rss()
    started = time.perf_counter()
    result = segmenter.segment(volume)
    seconds = time.perf_counter() - started
    print(peak_rss() - before, seconds, result.settings["tiles"], *volume.geometry.size)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="a small case, to try the benchmark itself")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        measure(arguments.case)
        return
    rows = []
    for name, (_, classes, *_) in (SMALL if arguments.small else CASES).items():
        command = [sys.executable, __file__, "--case", name]
        line = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()[-1]
        peak, seconds, tiles, *size = (float(word) for word in line.split())
        everything = classes * np.prod(size) * 4
        shown = " x ".join(f"{n:.0f}" for n in size)
        rows.append([name, shown, str(classes), f"{tiles:.0f}", f"{peak / 1e9:.2f}", f"{everything / 1e9:.2f}"])
        rows[-1].append(f"{seconds:.0f}")
    header = ["case", "voxels", "classes", "tiles", "peak, GB", "all logits, GB", "seconds"]
    table("Peak memory above image and network", header, rows)


if __name__ == "__main__":
    main()
