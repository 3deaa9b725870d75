"""Peak memory of a large volume with many classes, on the CPU: 512 x 512 x 400, 25 classes, a small network."""

import argparse
import time

import numpy as np
from common import model_of, peak_rss, small_unet, table

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.volume import Volume


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, nargs=3, default=(512, 512, 400), metavar=("X", "Y", "Z"))
    parser.add_argument("--classes", type=int, default=25)
    arguments = parser.parse_args()
    size = tuple(arguments.size)
    rng = np.random.default_rng(0)
    voxels = rng.integers(-1000, 1000, (1, *size[::-1]), dtype=np.int16)
    volume = Volume(voxels, Geometry(size, (0.8, 0.8, 1.0)))
    model = model_of(small_unet(classes=arguments.classes, features=(4, 8, 16)), (64, 128, 128))
    model.network(0)
    before = peak_rss()
    start = time.perf_counter()
    result = Segmenter(model, device="cpu").segment(volume)
    seconds = time.perf_counter() - start
    peak = peak_rss() - before
    everything = arguments.classes * np.prod(size) * 4
    rows = [
        ["above the input", f"{peak / 1e9:.2f} GB"],
        ["all classes at once would be", f"{everything / 1e9:.2f} GB"],
        ["ratio", f"{peak / everything:.3f}"],
        ["time", f"{seconds:.0f} s"],
        ["tiles", str(result.settings["tiles"])],
    ]
    table(f"Peak memory: {size} voxels, {arguments.classes} classes, CPU", ["what", "value"], rows)


if __name__ == "__main__":
    main()
