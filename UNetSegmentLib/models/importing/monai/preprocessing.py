"""The chain of transforms before the network, as a :class:`~UNetSegmentLib.models.card.Preparation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...card import Normalization, Preparation
from .configuration import Component, chain, is_own_code
from .intensity import INTENSITY
from .refusal import refused
from .values import for_key, keys, number, single

# Types, devices, bookkeeping: nothing of it changes a voxel.
_WITHOUT_EFFECT = {
    "DeleteItemsd",
    "EnsureTyped",
    "EnsureChannelFirstd",
    "AddChanneld",
    "AsChannelFirstd",
    "FromMetaTensord",
    "Identityd",
    "SelectItemsd",
    "ToDeviced",
    "ToMetaTensord",
    "ToTensord",
}
_INTERACTIVE = ("Guidance", "Click", "DeepEdit", "Interaction")
_LOSSLESS = ("float16", "float32", "float64")
_MEANINGS = {
    "Resized": "it resizes every image to one size, whatever its spacing",
    "Lambdad": "a function of its own changes the image ('Lambdad')",
    "CropForegroundd": "its 'CropForegroundd' crops by something other than the positive voxels of the image itself",
}


@dataclass
class _State:
    """What the chain has done so far."""

    dimension: int
    channels: int
    images: tuple[str, ...] = ()
    orientation: str | None = None
    spacing: tuple[float | None, ...] | None = None
    order: int = 1
    rules: list[list[Normalization]] = field(default_factory=list)
    before_spacing: bool = False
    after_spacing: bool = False
    crop_nonzero: bool = False
    crop_foreground: bool = False

    def column(self, names: Sequence[str]) -> list[int]:
        """Input channels that a step on these keys changes."""
        if len(self.images) <= 1:
            return list(range(self.channels))
        return [n for n, name in enumerate(self.images[: self.channels]) if name in names]


def read_preprocessing(value: Any, dimension: int, channels: int, non_negative: bool) -> tuple[Preparation, str]:
    """The preparation that a chain of transforms describes, and the names of the images it loads.

    Args:
        value: the resolved ``preprocessing`` entry.
        dimension: of the network.
        channels: input channels of the network.
        non_negative: the modality has no negative intensities, so that "positive" and "not zero" are the same.

    Raises:
        ModelError: a step that cannot be done faithfully, by name.
    """
    state = _State(dimension, channels, rules=[[] for _ in range(channels)])
    steps = chain(value, "preprocessing")
    if not steps:
        raise refused("it has no preprocessing, which would say how an image becomes the network's input")
    for step in steps:
        if any(word in step.target for word in _INTERACTIVE):
            raise refused(f"it waits for the user's clicks ('{step.target}')")
    for step in steps:
        _apply(step, state, non_negative)
    if len(state.images) > 1:
        raise refused(f"it loads several images ({', '.join(state.images)}) and does not join them")
    if state.before_spacing and state.after_spacing:
        raise refused("it changes intensities both before and after resampling")
    return _preparation(state), ", ".join(state.images)


def _preparation(state: _State) -> Preparation:
    spacing = None
    if state.spacing is not None:
        z, y, x = state.spacing
        if y is None or x is None or (z is None) != (state.dimension == 2):
            raise refused("its 'Spacingd' keeps the spacing of some axes")
        spacing = (z, y, x)
    return Preparation(
        orientation=state.orientation,
        crop_nonzero=state.crop_nonzero,
        spacing=spacing,
        image_order=state.order,
        output_order=1,
        anisotropy_threshold=None,
        normalization=tuple(_linked(rules) for rules in state.rules),
        alignment="centres",
        normalize_resampled=state.after_spacing and spacing is not None,
        crop_foreground=state.crop_foreground,
    )


def _linked(rules: list[Normalization]) -> Normalization:
    """Several rules as one, each with the next in ``then``."""
    kept: list[Normalization] = []
    for rule in rules:
        # A z-score undoes any linear rule before it, constant images aside.
        if rule.kind == "zscore" and kept and kept[-1].kind in ("standard", "range") and not kept[-1].clip:
            kept.pop()
        kept.append(rule)
    if not kept:
        return Normalization("none")
    linked = kept[-1]
    for rule in reversed(kept[:-1]):
        linked = replace(rule, then=linked)
    return linked


def _apply(step: Component, state: _State, non_negative: bool) -> None:
    if is_own_code(step):
        raise refused(f"its preprocessing runs a program of its own ('{step.full_target}')")
    step.ignore("allow_missing_keys", "lazy")
    names = keys(step.get("keys", []))
    if step.target == "LoadImaged":
        state.images = tuple(name for name in names if name not in ("label", "seg", "mask"))
        return
    if step.target == "ConcatItemsd":
        _concatenate(step, state, names)
        return
    if step.target in _WITHOUT_EFFECT:
        return
    if state.images and not set(names) & set(state.images):
        return
    if step.target in INTENSITY:
        _intensity(step, state, names)
    elif step.target in _SPATIAL:
        if len(state.column(names)) != state.channels:
            raise refused(f"its '{step.target}' treats the input images differently")
        _SPATIAL[step.target](step, state)
    elif step.target == "CropForegroundd":
        _crop(step, state, names, non_negative)
    else:
        raise refused(_MEANINGS.get(step.target, f"the transform '{step.target}' is not supported"))
    step.finish()


def _intensity(step: Component, state: _State, names: Sequence[str]) -> None:
    if state.crop_foreground:
        raise refused("it changes intensities after cropping to the foreground")
    columns = state.column(names)
    for column, rule in zip(columns, INTENSITY[step.target](step, len(columns), len(state.images) > 1), strict=True):
        state.rules[column].append(rule)
    if state.spacing is None:
        state.before_spacing = True
    else:
        state.after_spacing = True


def _concatenate(step: Component, state: _State, names: Sequence[str]) -> None:
    if step.get("dim", 0) != 0 or set(names) != set(state.images) or len(names) != state.channels:
        raise refused("its 'ConcatItemsd' does not simply join the images that it loads")
    step.ignore("name")
    step.finish()
    order = [state.images.index(name) for name in names]
    state.rules = [state.rules[n] for n in order]
    # From here on they are one image.
    state.images = (str(step.get("name", "image")),)


def _orientation(step: Component, state: _State) -> None:
    step.ignore("labels")
    if step.get("as_closest_canonical", False):
        state.orientation = "RAS"
        return
    codes = str(step.need("axcodes")).upper()
    if len(codes) == 2 and state.dimension == 2:
        codes += "S"
    if state.spacing is not None or state.crop_foreground:
        raise refused("it turns the image after resampling or cropping it")
    state.orientation = codes


def _spacing(step: Component, state: _State) -> None:
    step.ignore("align_corners", "dtype", "ensure_same_shape", "padding_mode")
    if state.spacing is not None or state.crop_foreground:
        raise refused("it resamples the image twice, or after cropping it")
    names = keys(step.get("keys", []))
    mine = next((name for name in names if name in state.images), "image")
    if for_key(step.get("padding_mode", "border"), names, mine, "padding_mode") != "border":
        raise refused("its 'Spacingd' pads with something other than the border")
    mode = for_key(step.get("mode", "bilinear"), names, mine, "the mode of 'Spacingd'")
    orders = {"bilinear": 1, "linear": 1, "trilinear": 1, "nearest": 0, 0: 0, 1: 1}
    if mode not in orders:
        raise refused(f"its 'Spacingd' interpolates in the mode '{mode}'")
    state.order = orders[mode]
    for name in ("diagonal", "scale_extent", "recompute_affine"):
        if step.get(name, False):
            raise refused(f"its 'Spacingd' has '{name}'")
    for name in ("min_pixdim", "max_pixdim"):
        if step.get(name) is not None:
            raise refused(f"its 'Spacingd' has '{name}'")
    value = step.need("pixdim")
    given = [number(v, "pixdim") for v in (value if isinstance(value, list | tuple) else [value])]
    if not 1 <= len(given) <= 3:
        raise refused(f"its 'Spacingd' has {len(given)} entries in 'pixdim'")
    given += [given[-1]] * (3 - len(given))
    state.spacing = tuple(v if v > 0 else None for v in reversed(given))


def _cast(step: Component, state: _State) -> None:
    kind = single(step.get("dtype", "float32"), "the type of 'CastToTyped'")
    if str(kind).rpartition(".")[2] not in _LOSSLESS:
        raise refused(f"it rounds the image to the type '{kind}'")


_SPATIAL: dict[str, Callable[[Component, _State], None]] = {
    "Orientationd": _orientation,
    "Spacingd": _spacing,
    "CastToTyped": _cast,
}


def _crop(step: Component, state: _State, names: Sequence[str], non_negative: bool) -> None:
    step.ignore("mode", "start_coord_key", "end_coord_key", "allow_smaller", "channel_indices", "k_divisible")
    plain = step.get("margin", 0) == 0 and step.get("k_divisible", 1) == 1 and step.get("channel_indices") is None
    same = keys(step.need("source_key")) == tuple(names)
    if not (plain and same) or "select_fn" in step.arguments or state.crop_foreground:
        raise refused(_MEANINGS["CropForegroundd"])
    first = state.spacing is None and not state.before_spacing
    # Of an image without negative values, before anything else: what differs from zero, as nnU-Net crops.
    if first and non_negative:
        state.crop_nonzero = True
    else:
        state.crop_foreground = True
