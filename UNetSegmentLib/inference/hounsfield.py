"""Whether an image can be CT in Hounsfield units, where the model's card asks for that."""

from __future__ import annotations

import re

import numpy as np

from ..models.card import ModelCard
from ..volume import Volume

_CT = re.compile(r"\b(CT|CTA|computed tomography)\b", re.IGNORECASE)
# Air is -1000, lung -800, fat -100, water 0, soft tissue 20 to 80, bone beyond 200.
_AIR_HU = -200.0
_BONE_HU = 300.0
# So small a field may lie inside of an organ.
_SMALL_MM = 100.0
# So wide a field shows air or lung beside or inside of any body.
_WIDE_MM = 200.0
_LEAST_RANGE_HU = 50.0
# Less of the image than this with the densities of what a model finds is as good as none.
_LEAST_SHARE = 1e-4
_LOOKED_AT = 1_000_000


def hounsfield_warnings(image: Volume, card: ModelCard) -> list[str]:
    """What is said of channels that should be CT and whose values cannot be Hounsfield units.

    Nothing is said of crops that hold no air, and of small ones that hold no fat either. Where the card knows the
    densities of what the model was trained to find, an image without any of them is told as well; of other modalities,
    whose units mean nothing, their numbers say nothing.
    """
    warnings = []
    for number, (channel, description) in enumerate(zip(image.voxels, card.inputs, strict=False)):
        is_ct = _CT.search(description.modality) is not None
        reason = (_reason(channel, image) or _without_structures(channel, card, number)) if is_ct else ""
        if reason:
            warnings.append(
                f"'{card.name}' reads CT in Hounsfield units (air -1000, water 0), and '{image.name}' {reason}. The "
                "result may be wrong; give the CT as the scanner wrote it."
            )
    return warnings


def _reason(channel: np.ndarray, image: Volume) -> str:
    low, high = float(channel.min()), float(channel.max())
    span = f"holds values from {low:.4g} to {high:.4g}"
    z, y, x = (n * s for n, s in zip(image.geometry.shape, image.geometry.array_spacing, strict=True))
    width = sorted((z, y, x))[1]
    # A lowest value of just 0 is where something was cut off or began to count.
    if low == 0 or low > _BONE_HU or (low > 0 and width > _SMALL_MM):
        return f"{span}, none below 0: as a picture of 8 bits does, or a CT without its offset"
    if high - low < _LEAST_RANGE_HU:
        return f"{span}, as an image does that was normalised"
    if low > _AIR_HU and width > _WIDE_MM:
        return f"{span} in so wide a field, without any air: they were cut to a window"
    return ""


def _without_structures(channel: np.ndarray, card: ModelCard, number: int) -> str:
    known = card.fingerprint.channels if card.fingerprint is not None else ()
    if not known:
        return ""
    low, high = known[number].percentile_00_5, known[number].percentile_99_5
    flat = channel.ravel()
    flat = flat[:: -(-flat.size // _LOOKED_AT)]
    if float(np.mean((flat >= low) & (flat <= high))) >= _LEAST_SHARE:
        return ""
    return f"has next to nothing between {low:.4g} and {high:.4g}, where all lay that the model learned to find"
