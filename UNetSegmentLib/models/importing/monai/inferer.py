"""How the network is slid over an image: the inferer as tiles of the model card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .configuration import Component, is_own_code
from .refusal import refused
from .values import number, single, whole

_PADDINGS = {"constant": "zeros", "replicate": "edge", "reflect": "reflect"}
_WEIGHTINGS = {"constant": "flat", "gaussian": "gaussian-clamped"}
_WITHOUT_EFFECT = (
    "sw_batch_size",
    "sw_device",
    "device",
    "progress",
    "cache_roi_weight_map",
    "cpu_thresh",
    "buffer_steps",
    "buffer_dim",
)
# Slices along the first, second or third axis of x, y, z: our axes z, y, x in the order that makes them lie flat.
_SLICED = {0: (2, 0, 1), 1: (1, 0, 2), 2: (0, 1, 2)}


@dataclass(frozen=True)
class Tiling:
    """Tiles in array order of the (transposed) prepared image, in the terms of the card's inference contract."""

    patch: tuple[int, int, int]
    overlap: float
    weighting: str
    padding: str
    transpose: tuple[int, int, int] = (0, 1, 2)


def read_inferer(component: Any, dimension: int) -> Tiling:
    """The tiling of an inferer.

    Raises:
        ModelError: one that cannot be done faithfully, by name.
    """
    if not isinstance(component, Component):
        raise refused("it has no inferer, which would say how the network is run")
    if is_own_code(component):
        raise refused(f"its inferer is a program of its own ('{component.full_target}')")
    if component.target == "SimpleInferer":
        raise refused(
            "its network takes each whole image at once ('SimpleInferer'), whatever its size",
            "Ask its author for an inference configuration with a 'SlidingWindowInferer'.",
        )
    if component.target not in ("SlidingWindowInferer", "SlidingWindowInfererAdapt", "SliceInferer"):
        raise refused(f"the inferer '{component.target}' is not supported")
    component.ignore(*_WITHOUT_EFFECT)
    transpose = (0, 1, 2)
    if component.target == "SliceInferer":
        transpose = _SLICED[whole(component.get("spatial_dim", 0), "spatial_dim", 0) % 3]
    if component.get("with_coord", False) or number(component.get("cval", 0.0), "cval") != 0:
        raise refused("its inferer gives coordinates to the network, or pads with another number than 0")
    weighting, padding = component.get("mode", "constant"), component.get("padding_mode", "constant")
    if weighting not in _WEIGHTINGS or padding not in _PADDINGS:
        raise refused(f"its inferer blends in the mode '{weighting}' and pads in the mode '{padding}'")
    sigma = number(single(component.get("sigma_scale", 0.125), "sigma_scale"), "sigma_scale")
    if weighting == "gaussian" and abs(sigma - 0.125) > 1e-9:
        raise refused(f"its inferer has a sigma_scale of {sigma}; only 0.125 is supported")
    overlap = number(single(component.get("overlap", 0.25), "overlap"), "overlap")
    if not 0 <= overlap < 1:
        raise refused(f"its tiles overlap by {overlap}")
    patch = _patch(component.need("roi_size"), dimension)
    component.finish()
    return Tiling(patch, overlap, _WEIGHTINGS[weighting], _PADDINGS[padding], transpose)


def _patch(value: Any, dimension: int) -> tuple[int, int, int]:
    sizes = list(value) if isinstance(value, list | tuple) else [value] * dimension
    if len(sizes) != dimension:
        raise refused(f"its inferer has tiles of {len(sizes)} axes for a network of {dimension}")
    if any(size is None or (isinstance(size, int | float) and size < 1) for size in sizes):
        raise refused(
            "its tiles are as large as the image along some axis",
            "Ask its author for a 'SlidingWindowInferer' with a fixed 'roi_size'.",
        )
    reversed_sizes = [whole(size, "roi_size") for size in reversed(sizes)]
    z, y, x = reversed_sizes if dimension == 3 else [1, *reversed_sizes]
    return z, y, x
