"""How large everything is, and the networks and images that the sections share. No data is needed."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
sys.path.insert(0, str(REPOSITORY / "Testing" / "Benchmarks"))


@dataclass(frozen=True)
class Scale:
    """What is run: nnU-Net's usual network on a GPU, next to nothing in a rehearsal."""

    device: torch.device
    tiny: bool
    features: tuple
    patch: tuple
    volume: tuple
    classes: int
    rounds: int
    batch: int

    @property
    def gpu(self):
        return self.device.type == "cuda"


def scale_of(device, tiny):
    """Refuses in words where the device is not there."""
    from UNetSegmentLib.inference.devices import choose_device

    chosen = choose_device(device)
    if tiny:
        return Scale(chosen, True, (4, 8), (16, 16, 16), (20, 24, 28), 3, 1, 1)
    return Scale(chosen, False, (32, 64, 128, 256, 320, 320), (128, 128, 128), (192, 224, 256), 25, 5, 2)


def model_of(scale, **changes):
    """A model in memory with random weights, which answers with labels that are as close to ties as they get."""
    from common import model_of as in_memory
    from common import small_unet

    return in_memory(small_unet(scale.classes, scale.features), scale.patch, **changes)


def volume_of(scale, shape=None):
    """Soft blobs with noise, 1 mm voxels."""
    from UNetSegmentLib.geometry import Geometry
    from UNetSegmentLib.volume import Volume

    shape = shape or scale.volume
    return Volume(blobs(shape)[None], Geometry(size=tuple(shape[::-1])), "synthetic")


def blobs(shape, seed=0):
    """float32 (z, y, x)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn([1, 1, *(max(n // 8, 2) for n in shape)], generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=list(shape), mode="trilinear")[0, 0]
    return (100 * smooth + 10 * torch.randn(list(shape), generator=generator)).numpy().astype(np.float32)


def on(module, scale):
    """A copy of a network on the device; the model keeps its own."""
    import copy

    return copy.deepcopy(module).to(scale.device).eval()


def smaller(scale, **changes):
    return replace(scale, **changes)
