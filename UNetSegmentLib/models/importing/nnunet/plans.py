"""``plans.json``: one configuration with what it inherits, in the form that nnU-Net 2.8 writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import ModelError
from ..fields import Fields

_LARGEST_PATCH = 8192
_KNOWN_PARTS = {
    "label_manager": ("LabelManager",),
    "preprocessor_name": ("DefaultPreprocessor",),
}


@dataclass(frozen=True)
class Plans:
    """What one configuration is run by.

    Args:
        name: of the configuration.
        whole: the plans as a whole.
        configuration: its own entries with those it inherits.
    """

    name: str
    whole: Fields
    configuration: Fields

    @property
    def patch(self) -> tuple[int, ...]:
        patch = self.configuration.wholes("patch_size")
        if len(patch) not in (2, 3) or not 1 <= min(patch) <= max(patch) <= _LARGEST_PATCH:
            raise self.configuration.wrong("patch_size", f"two or three positive numbers up to {_LARGEST_PATCH}")
        return patch

    @property
    def dimension(self) -> int:
        return len(self.patch)

    @property
    def spacing(self) -> tuple[float, ...]:
        spacing = self.configuration.numbers("spacing")
        if len(spacing) not in (self.dimension, 3) or min(spacing) <= 0:
            raise self.configuration.wrong("spacing", f"{self.dimension} positive numbers of mm")
        return spacing[-self.dimension :]

    @property
    def transpose(self) -> tuple[int, int, int]:
        order = self.whole.wholes("transpose_forward", 3) if "transpose_forward" in self.whole else (0, 1, 2)
        if sorted(order) != [0, 1, 2]:
            raise self.whole.wrong("transpose_forward", "the axes 0, 1 and 2 in some order")
        return order[0], order[1], order[2]

    @property
    def previous(self) -> str | None:
        """The configuration whose labels are further input channels (cascade)."""
        return self.configuration.text("previous_stage") if "previous_stage" in self.configuration else None

    def intensities(self, channel: int) -> Fields:
        """Statistics of the foreground in the training images."""
        # Plans of 2022 called it "by modality".
        for key in ("foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality"):
            if key in self.whole:
                return self.whole.object(key).object(str(channel))
        return self.whole.object("foreground_intensity_properties_per_channel")


def configuration(plans: Fields, name: str) -> Plans:
    """The plans of one configuration.

    Raises:
        ModelError: it is not there, inherits in a circle, or names a part of nnU-Net that we have no equal of.
    """
    resolved = _resolved(plans.object("configurations"), name, ())
    fields = Fields(resolved, f"{plans.where}, configuration {name}")
    for key, known in _KNOWN_PARTS.items():
        for holder in (plans, fields):
            if holder.get(key, known[0]) not in known:
                raise ModelError(
                    f"The model's {key.removesuffix('_name').replace('_', ' ')} is '{holder.get(key)}', a custom one.",
                    f"Only nnU-Net's own ({', '.join(known)}) can be run faithfully; train with it, or export the "
                    "model as ONNX with its preparation built in.",
                )
    return Plans(name, plans, fields)


def _resolved(configurations: Fields, name: str, below: tuple[str, ...]) -> Mapping[str, Any]:
    if name not in configurations:
        raise ModelError(
            f"The plans have no configuration '{name}'.",
            f"They have: {', '.join(configurations.data) or 'none'}. Use the plans.json of the same training.",
        )
    if name in below:
        raise ModelError(
            f"The plans' configurations inherit in a circle: {' from '.join((*below, name))}.",
            "Use the plans.json as nnU-Net wrote it.",
        )
    own = configurations.object(name).data
    parent = own.get("inherits_from")
    if parent is None:
        return own
    return {**_resolved(configurations, str(parent), (*below, name)), **own}
