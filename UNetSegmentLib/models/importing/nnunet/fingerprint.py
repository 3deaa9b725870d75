"""What an nnU-Net's plans and data set say of its training cases: intensities, but no sizes of structures."""

from __future__ import annotations

import math
from typing import Any

from ...card import ChannelIntensities, TrainingFingerprint
from ..fields import Fields
from .plans import Plans

# Plans of 2022 called it "by modality".
_KEYS = ("foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality")
_PERCENTILES = ("percentile_00_5", "median", "percentile_99_5")


def training_fingerprint(plans: Plans, dataset: Fields, channels: int) -> TrainingFingerprint | None:
    """The fingerprint, where the files tell the number of cases and every channel's percentiles; None where not.

    Nothing is refused here: no result depends on it.
    """
    cases = dataset.get("numTraining")
    if isinstance(cases, bool) or not isinstance(cases, int) or not 1 <= cases <= 10**9:
        return None
    statistics = next((s for s in map(plans.whole.get, _KEYS) if isinstance(s, dict)), {})
    found = [_percentiles(statistics.get(str(n))) for n in range(channels)]
    known = [values for values in found if values is not None]
    if len(known) < channels:
        return None
    return TrainingFingerprint(cases, tuple(ChannelIntensities(*values) for values in known))


def _percentiles(entry: Any) -> tuple[float, float, float] | None:
    if not isinstance(entry, dict):
        return None
    values = [entry.get(name) for name in _PERCENTILES]
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values) or not all(map(math.isfinite, numbers)) or numbers != sorted(numbers):
        return None
    return numbers[0], numbers[1], numbers[2]
