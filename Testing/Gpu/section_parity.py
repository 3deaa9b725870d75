"""Labels on the device against those of the CPU: single precision as torch has it, without TF32, and half."""

import contextlib

import numpy as np
import torch
from rows import Row
from scale import DATA, model_of, smaller, volume_of

# Share of voxels with the CPU's label. With random weights many voxels are close to a tie, which rounding decides: TF32
# and half precision move logits by 1e-3 and 3e-3 of their spread.
TRAINED = {"fp32": 0.999, "fp32 without TF32": 0.9999, "fp16": 0.995}
RANDOM = {"fp32": 0.99, "fp32 without TF32": 0.9995, "fp16": 0.97}
_EXACT = {"backend": "torch"}


def rows(scale):
    for name, model, volume in cases(scale):
        expected = labels(model, volume, "cpu", "fp32")
        least = RANDOM if name.startswith("random") else TRAINED
        for precision in least:
            if precision == "fp16" and not scale.gpu:
                yield Row("parity", f"{name}, fp16", note="half precision is for GPUs")
                continue
            with _without_tf32(precision == "fp32 without TF32"):
                found = labels(model, volume, str(scale.device), precision[:4])
            same = float((found == expected).mean())
            values = {"same label": same, "Dice": dice(expected, found)}
            yield Row("parity", f"{name}, {precision}", values, ok=same >= least[precision])


def cases(scale):
    """Name, model and volume: random weights (close to ties everywhere), the bundled models, real images if there."""
    from UNetSegmentLib.io import read_volume
    from UNetSegmentLib.models import load_model

    # The CPU's side of it must not take minutes.
    little = smaller(scale, features=scale.features[:3], patch=tuple(min(n, 64) for n in scale.patch), classes=3)
    shape = tuple(min(n, 96) for n in scale.volume)
    yield "random weights", model_of(little), volume_of(scale, shape)
    yield "hippocampus-t1, synthetic", load_model("hippocampus-t1"), volume_of(scale, (40, 56, 40))
    crops = sorted((DATA / "msd_hippocampus" / "images").glob("*.nii.gz"))[: 1 if scale.tiny else 5]
    for crop in crops:
        yield f"hippocampus-t1, {crop.name}", load_model("hippocampus-t1"), read_volume(crop)
    photographs = sorted((DATA / "drive").rglob("*_training.tif"))[: 0 if scale.tiny else 2]
    for photograph in photographs:
        yield f"retinal-vessels, {photograph.name}", load_model("retinal-vessels"), read_volume(photograph)
    if not crops:
        yield "retinal-vessels, synthetic", load_model("retinal-vessels"), fundus()


def fundus():
    """A colour picture of nothing in particular."""
    from scale import blobs

    from UNetSegmentLib.geometry import Geometry
    from UNetSegmentLib.volume import Volume

    channels = [np.clip(128 + blobs((1, 256, 256), seed), 0, 255) for seed in range(3)]
    return Volume(np.stack(channels).astype(np.uint8), Geometry(size=(256, 256, 1)), "synthetic photograph")


def labels(model, volume, device, precision):
    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.inference.settings import preset

    settings = preset("balanced").with_overrides({**_EXACT, "precision": precision})
    return Segmenter(model, device, settings=settings).segment(volume).segmentation.voxels


def dice(expected, found):
    """Mean over the labels that the CPU finds; 1 where it finds none."""
    values = [value for value in np.unique(expected) if value]
    scores = [2 * ((expected == v) & (found == v)).sum() / ((expected == v).sum() + (found == v).sum()) for v in values]
    return float(np.mean(scores)) if scores else 1.0


@contextlib.contextmanager
def _without_tf32(wanted):
    """Torch's convolutions round their factors to 10 bits on newer GPUs, unless told not to."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = before and not wanted
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
