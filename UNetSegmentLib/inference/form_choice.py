"""Which form of a model's networks runs, and how much coarser than its spacing, where the settings leave it open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..errors import DependencyError, InputError, ModelError, UNetSegmentError
from ..models.card import INT8_OPENVINO
from ..models.model import Model
from .backends.installed import version_of
from .coarsening import coarsening
from .settings import EngineSettings


@dataclass(frozen=True)
class Choice:
    """Settings of one model that leave neither its form nor its spacing open.

    Attributes:
        settings: with ``full`` or ``int8`` as their form.
        note: what the user should know, or "".
        may_be_finer: the factor on the spacing serves to save time alone; where it saves none, 1 is better.
    """

    settings: EngineSettings
    note: str = ""
    may_be_finer: bool = False

    @property
    def spacing_scale(self) -> float:
        """Factor on the model's spacing."""
        scale = self.settings.spacing_scale
        assert scale is not None
        return scale


def choose_form(model: Model, settings: EngineSettings, device: torch.device) -> Choice:
    """The form ``full`` or ``int8`` and the factor on the spacing that ``settings`` come to for one model.

    Raises:
        ModelError: 8 bits are asked for and the package has no such form.
        InputError: they are asked for on a GPU, or in a backend that does not run them.
        DependencyError: they are asked for and OpenVINO is not installed.
    """
    form, note = "full", ""
    if settings.form != "full":
        obstacle = _obstacle(model, settings, device)
        if obstacle is None:
            form = "int8"
        elif settings.form == "int8":
            raise obstacle
        elif model.form(INT8_OPENVINO) is not None:
            note = f"{obstacle.cause} Its full weights were used."
    scale = settings.spacing_scale
    if scale is None:
        scale = 1.0 if form == "int8" else coarsening(model.card)
    finer = settings.spacing_scale is None and scale > 1
    return Choice(replace(settings, form=form, spacing_scale=scale), note, finer)


def _obstacle(model: Model, settings: EngineSettings, device: torch.device) -> UNetSegmentError | None:
    """Why the model does not run in 8 bits here."""
    name, form = model.card.name, f"The 8-bit form of '{model.card.name}'"
    if model.form(INT8_OPENVINO) is None:
        return ModelError(
            f"The model '{name}' has no 8-bit form in its package.",
            "Make one with 'unetsegment compress', or choose the form 'full' or 'smallest'.",
        )
    if device.type != "cpu":
        return InputError(
            f"{form} runs on the CPU only, not on {device}.", "Choose the device 'cpu', or the form 'full'."
        )
    if settings.backend not in ("auto", "openvino"):
        return InputError(
            f"{form} does not run in the backend '{settings.backend}'.",
            "Choose the backend 'openvino' or 'auto', or the form 'full'.",
        )
    if version_of("openvino") is None:
        return DependencyError(
            f"{form} needs the package openvino, which is not installed.",
            "Install it with: pip install openvino. Or choose the form 'full'.",
        )
    return None
