"""The engine's whole time over the bare forward passes of the same tiles, and against MONAI's sliding window."""

import numpy as np
import torch
from common import head_ct, model_of, side_by_side, small_unet, table

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.tiles import padding, plan_tiles
from UNetSegmentLib.preprocessing import prepare

PATCH = (96, 96, 96)
OVERLAP = 0.25


def tiles_of(prepared):
    """The tiles that the engine runs, cut out beforehand."""
    plan = plan_tiles(prepared.shape[1:], PATCH, OVERLAP)
    pads = [n for axis in reversed(padding(prepared.shape[1:], PATCH)) for n in axis]
    padded = torch.nn.functional.pad(prepared, pads)
    return [padded[(slice(None), *plan.slices(start))][None].clone() for start in plan]


def monai_labels(network, volume, preparation, mode="gaussian"):
    """MONAI: the same preparation, then its inferer with the same tiles, its argmax."""
    from monai.inferers import sliding_window_inference

    image = prepare(volume, preparation).tensor
    with torch.inference_mode():
        logits = sliding_window_inference(
            image[None], PATCH, 1, network, overlap=OVERLAP, mode=mode, padding_mode="constant"
        )
        return logits.argmax(dim=1)[0].to(torch.uint8).numpy()


def main():
    volume = head_ct()
    model = model_of(small_unet(classes=3, features=(8, 16, 32)), PATCH)
    network = model.network(0)
    segmenter = Segmenter(model, device="cpu", settings=EngineSettings(overlap=OVERLAP, skip_background=False))
    tiles = tiles_of(prepare(volume, model.card.preparation).tensor)

    def bare():
        with torch.inference_mode():
            for tile in tiles:
                network(tile)

    candidates = {
        "bare forward passes": bare,
        "UNetSegment, whole": lambda: segmenter.segment(volume),
    }
    try:
        import monai

        name = f"MONAI {monai.__version__}, whole"
        candidates[name] = lambda: monai_labels(network, volume, model.card.preparation)
    except ImportError:
        print("MONAI is not installed (pip install --no-deps monai), so it is left out.")
    seconds = side_by_side(candidates, rounds=2, warmup=False)
    base = seconds["bare forward passes"]
    rows = [[name, f"{time:.2f}", f"{time / base:.3f}"] for name, time in seconds.items()]
    table(
        f"Engine: head CT {volume.geometry.size}, {len(tiles)} tiles of {PATCH}, overlap {OVERLAP}, 3 classes, fp32",
        ["what", "seconds", "over bare passes"],
        rows,
    )
    if len(seconds) == 3:
        # With flat weights and tiles at the same places (96 + 72 and 96 + 2 * 72 voxels) the two must agree.
        part = volume.cropped(Box((0, 0, 0), (96, 168, 240)))
        flat = EngineSettings(overlap=OVERLAP, skip_background=False, weighting="flat")
        ours = Segmenter(model, device="cpu", settings=flat).segment(part).segmentation.voxels
        theirs = monai_labels(network, part, model.card.preparation, mode="constant")
        print(f"voxels with MONAI's label, tiles at the same places, flat weights: {np.mean(ours == theirs):.5%}")


if __name__ == "__main__":
    main()
