"""Where the time of a whole case goes, from file to file, and how much of it is not the network's.

The head CT through nnU-Net's plain network with 2, 25 and 105 classes, and MONAI's sliding window beside a small one.
"Over bare" is the whole time over that of reading, writing, and the bare forward passes of the same tiles.

python bench_engine.py [--classes 2 25 105] [--patch 128] [--spacing 1.5] [--small] [--backend torch] [--exact]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import DATA, head_ct, model_of, side_by_side, small_unet, table

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.inference import EngineSettings, Segmenter, preset
from UNetSegmentLib.inference.tiles import padding, plan_tiles
from UNetSegmentLib.io import read_volume, write_segmentation
from UNetSegmentLib.preprocessing import prepare

SCAN = DATA / "ct" / "ct_head_avm.nii.gz"
NNUNET = (32, 64, 128, 256, 320, 320)
SMALL = (8, 16, 32)
MONAI_PATCH = (96, 96, 96)


def tiles_of(prepared, patch, overlap):
    """The tiles that the engine runs, cut out beforehand."""
    plan = plan_tiles(prepared.shape[1:], patch, overlap)
    pads = [n for axis in reversed(padding(prepared.shape[1:], patch)) for n in axis]
    padded = torch.nn.functional.pad(prepared, pads)
    return [padded[(slice(None), *plan.slices(start))][None].clone() for start in plan]


def bare(model, tiles):
    network = model.network(0)
    started = time.perf_counter()
    with torch.inference_mode():
        for tile in tiles:
            network(tile)
    return time.perf_counter() - started


def case(classes, arguments, folder):
    """Seconds of one case from file to file, by part."""
    patch = (arguments.patch,) * 3
    config = small_unet(classes, SMALL if arguments.small else NNUNET)
    model = model_of(config, patch, spacing=(arguments.spacing,) * 3)
    settings = preset("exact") if arguments.exact else preset("balanced").with_overrides({"skip_background": False})
    settings = settings.with_overrides({"backend": arguments.backend})
    segmenter = Segmenter(model, device="cpu", settings=settings)
    started = time.perf_counter()
    volume = read_volume(SCAN)
    read = time.perf_counter() - started
    result = segmenter.segment(volume)
    began = time.perf_counter()
    write_segmentation(result.segmentation, Path(folder) / "labels.nii.gz")
    ended = time.perf_counter()
    image = prepare(volume, model.card.preparation).tensor
    overlap = model.card.inference.overlap if arguments.exact else settings.overlap
    passes = bare(model, tiles_of(image, patch, overlap))
    whole, write = ended - started, ended - began
    parts = [read, *(result.timings[part] for part in ("prepare", "network", "restore", "finish")), write]
    return [*parts, whole, passes, whole / (read + write + passes)], result.settings["tiles"]


def parts_of_the_time(arguments):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for classes in arguments.classes:
            seconds, tiles = case(classes, arguments, folder)
            rows.append([str(classes), str(tiles), *(f"{value:.2f}" for value in seconds)])
    name = "small network" if arguments.small else "nnU-Net's plain network"
    header = ["classes", "tiles", "read", "prepare", "network", "restore", "finish", "write"]
    table(
        f"Seconds of a case: head CT at {arguments.spacing} mm, {name}, patch {arguments.patch}, {arguments.backend}, "
        f"{'exact' if arguments.exact else 'balanced'}",
        [*header, "whole", "bare passes", "over bare"],
        rows,
    )


def monai_labels(network, volume, preparation, mode="gaussian"):
    """MONAI: the same preparation, then its inferer with the same tiles, its argmax."""
    from monai.inferers import sliding_window_inference

    image = prepare(volume, preparation).tensor
    with torch.inference_mode():
        logits = sliding_window_inference(
            image[None], MONAI_PATCH, 1, network, overlap=0.25, mode=mode, padding_mode="constant"
        )
        return logits.argmax(dim=1)[0].to(torch.uint8).numpy()


def beside_monai():
    try:
        import monai
    except ImportError:
        print("MONAI is not installed (pip install --no-deps monai), so it is left out.")
        return
    volume = head_ct()
    model = model_of(small_unet(classes=3, features=SMALL), MONAI_PATCH)
    network, preparation = model.network(0), model.card.preparation
    settings = EngineSettings(overlap=0.25, skip_background=False, backend="torch")
    segmenter = Segmenter(model, device="cpu", settings=settings)
    tiles = tiles_of(prepare(volume, preparation).tensor, MONAI_PATCH, 0.25)
    candidates = {
        "bare forward passes": lambda: bare(model, tiles),
        "UNetSegment, whole": lambda: segmenter.segment(volume),
        f"MONAI {monai.__version__}, whole": lambda: monai_labels(network, volume, preparation),
    }
    seconds = side_by_side(candidates, rounds=2, warmup=False)
    base = seconds["bare forward passes"]
    rows = [[name, f"{value:.2f}", f"{value / base:.3f}"] for name, value in seconds.items()]
    title = f"Engine: head CT {volume.geometry.size}, {len(tiles)} tiles of {MONAI_PATCH}, 3 classes, fp32"
    table(title, ["what", "seconds", "over bare passes"], rows)
    # MONAI's own tiles and weights: the two must agree.
    how = settings.with_overrides({"tiling": "stepped", "weighting": "gaussian-clamped"})
    part = volume.cropped(Box((0, 0, 0), (96, 168, 240)))
    ours = Segmenter(model, device="cpu", settings=how).segment(part).segmentation.voxels
    theirs = monai_labels(network, part, preparation)
    print(f"voxels with MONAI's label, its tiles and weights: {np.mean(ours == theirs):.5%}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 25, 105])
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--spacing", type=float, default=1.5, help="mm; finer means more tiles")
    parser.add_argument("--small", action="store_true", help="a small network, to try the benchmark itself")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--exact", action="store_true", help="the published protocol rather than the preset balanced")
    arguments = parser.parse_args()
    parts_of_the_time(arguments)
    beside_monai()


if __name__ == "__main__":
    main()
