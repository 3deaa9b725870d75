"""How the image is prepared: reader, transpose, crop, normalisation, spacing and resampling of the plans."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import ModelError
from ...card import Normalization, Preparation
from ..fields import Fields
from .plans import Plans

# nnU-Net's readers: those that turn every image the same way first, and that way (axis codes of i, j, k).
_READERS = {
    "SimpleITKIO": None,
    "NibabelIO": None,
    "NaturalImage2DIO": None,
    "Tiff3DIO": None,
    "SimpleITKIOWithReorient": "RAS",
    "NibabelIOWithReorient": "RAS",
}
_WITHOUT_SPACING = ("NaturalImage2DIO",)
_ANISOTROPY = 3.0
_SMALLEST_STD = 1e-8
_SPLINE = "resample_data_or_seg_to_shape"
_LINEAR = "resample_torch_fornnunet"
_NONE = "no_resampling_hack"
# Arguments that say how the work is done, not what comes out.
_TECHNICAL = {"num_threads", "device", "memefficient_seg_resampling"}


@dataclass(frozen=True)
class Resampling:
    """What one of nnU-Net's resampling functions does.

    Args:
        order: of the spline; None when it does nothing at all.
        threshold: ratio of spacings beyond which the coarse axis is resampled apart, or None.
    """

    order: int | None
    threshold: float | None


def preparation(plans: Plans, channels: int) -> Preparation:
    """The preparation that equals nnU-Net's.

    Args:
        plans: of the configuration.
        channels: number of input images.

    Raises:
        ModelError: a reader, normalisation or resampling without an equal here, by its name.
    """
    reader = plans.whole.text("image_reader_writer", "SimpleITKIO")
    if reader not in _READERS:
        raise _refused(f"the image reader '{reader}'", f"Readers that can be: {', '.join(_READERS)}.")
    data, logits = resampling(plans, "data"), resampling(plans, "probabilities")
    if (data.order is None) != (logits.order is None) or data.threshold != logits.threshold:
        raise _refused(
            "a resampling of images that differs in kind from that of probabilities",
            "Train with nnU-Net's own resampling settings (the same for both).",
        )
    untouched = data.order is None or reader in _WITHOUT_SPACING
    spacing = plans.spacing
    return Preparation(
        orientation=_READERS[reader],
        crop_nonzero=True,
        spacing=None if untouched else (None if plans.dimension == 2 else spacing[0], spacing[-2], spacing[-1]),
        image_order=3 if data.order is None else data.order,
        output_order=1 if logits.order is None else logits.order,
        anisotropy_threshold=data.threshold,
        normalization=tuple(_normalization(plans, n) for n in range(channels)),
        transpose=plans.transpose,
    )


def resampling(plans: Plans, what: str) -> Resampling:
    """The resampling of ``data``, ``seg`` or ``probabilities``.

    Raises:
        ModelError: a function or an argument without an equal here, by its name.
    """
    key = f"resampling_fn_{what}"
    name = plans.configuration.text(key, _SPLINE)
    options = Fields({}, plans.configuration.where)
    if f"{key}_kwargs" in plans.configuration:
        options = plans.configuration.object(f"{key}_kwargs")
    if name == _NONE:
        return Resampling(None, _ANISOTROPY)
    if name == _SPLINE:
        return _spline(options, what)
    if name == _LINEAR:
        return _linear(options, what)
    raise _refused(f"the resampling '{name}' ({key})", f"Those that can be: {_SPLINE}, {_LINEAR}, {_NONE}.")


def _spline(options: Fields, what: str) -> Resampling:
    _check_known(options, {"is_seg", "order", "order_z", "force_separate_z", "separate_z_anisotropy_threshold"}, what)
    order = options.whole("order", 3)
    if order not in (0, 1, 3):
        raise _refused(f"resampling of order {order} ({what})", "Orders that can be: 0, 1 and 3.")
    threshold = _threshold(options, False)
    if threshold is not None and options.whole("order_z", 0) != 0:
        raise _refused(
            f"order_z {options.get('order_z')} in the resampling of {what}",
            "Only order_z 0 (nnU-Net's own) can be run.",
        )
    return Resampling(order, threshold)


def _linear(options: Fields, what: str) -> Resampling:
    known = {"is_seg", "force_separate_z", "separate_z_anisotropy_threshold", "mode", "aniso_axis_mode"}
    _check_known(options, known | _TECHNICAL, what)
    threshold = _threshold(options, None)
    mode, along = options.text("mode", "linear"), options.text("aniso_axis_mode", "nearest-exact")
    if threshold is not None and (mode != "linear" or along not in ("nearest-exact", "linear")):
        raise _refused(
            f"the modes '{mode}' and '{along}' in the resampling of {what}", "Those of nnU-Net's own plans can be run."
        )
    # Linear in the plane and then along the third axis is linear in all three.
    return Resampling(1, None if along == "linear" else threshold)


def _threshold(options: Fields, default: bool | None) -> float | None:
    """None where no axis is ever resampled apart. ``default``: what the function takes when the plans say nothing."""
    forced = options.data.get("force_separate_z", default)
    if forced is None:
        return options.number("separate_z_anisotropy_threshold", _ANISOTROPY)
    if forced is not False:
        raise _refused("resampling with force_separate_z", "Plans with force_separate_z null or false can be run.")
    return None


def _check_known(options: Fields, known: set[str], what: str) -> None:
    if what != "seg" and options.flag("is_seg", False):
        raise options.wrong("is_seg", f"false for {what}")
    for name, value in options.data.items():
        if name not in known:
            raise _refused(
                f"the option '{name}' ({value}) in the resampling of {what}", "nnU-Net's own options can be."
            )


def _normalization(plans: Plans, channel: int) -> Normalization:
    configuration = plans.configuration
    schemes = configuration.sequence("normalization_schemes")
    if channel >= len(schemes):
        raise configuration.wrong("normalization_schemes", f"an entry for channel {channel} of dataset.json")
    scheme = schemes[channel]
    if scheme == "CTNormalization":
        numbers = plans.intensities(channel)
        return Normalization(
            "ct",
            lower=numbers.number("percentile_00_5"),
            upper=numbers.number("percentile_99_5"),
            mean=numbers.number("mean"),
            std=max(numbers.number("std"), _SMALLEST_STD),
        )
    if scheme == "ZScoreNormalization":
        masks = configuration.sequence("use_mask_for_norm") if "use_mask_for_norm" in configuration else []
        return Normalization("zscore-mask" if channel < len(masks) and masks[channel] else "zscore")
    if scheme == "NoNormalization":
        return Normalization("none")
    if scheme == "RescaleTo01Normalization":
        return Normalization("range")
    if scheme == "RGBTo01Normalization":
        return Normalization("range", lower=0.0, upper=255.0)
    known = "CTNormalization, ZScoreNormalization, NoNormalization, RescaleTo01Normalization, RGBTo01Normalization"
    raise _refused(f"the normalisation '{scheme}'", f"Those that can be: {known}.")


def _refused(what: str, help_: str) -> ModelError:
    return ModelError(f"The model needs {what}, which UNetSegment does not have.", help_)
