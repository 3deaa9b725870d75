"""How a run is done: the knobs, and the presets that set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import InputError
from ..models.card import RESTORED, TILINGS, WEIGHTINGS, InferenceContract

PRECISIONS = ("auto", "fp32", "fp16", "bf16")
FORMS = ("full", "int8", "smallest")

_CHOICES = {
    "weighting": WEIGHTINGS,
    "tiling": TILINGS,
    "restored": RESTORED,
    "precision": PRECISIONS,
    "form": FORMS,
}


@dataclass(frozen=True)
class EngineSettings:
    """Every knob of the engine.

    Args:
        overlap: least share of a tile that neighbours share; None takes the model's published protocol.
        mirrors: average over the mirror axes that the model allows (2, 4 or 8 times the work).
        folds: average over all folds of the model (that many times the work) rather than run the first.
        weighting: ``gaussian``, ``gaussian-clamped`` or ``flat`` weight of a tile's voxels; None takes the model's.
        tiling: tiles spread ``even``ly or ``stepped``; None takes the model's.
        skip_background: leave out tiles that hold nothing but background by the model's own rule.
        restored: what is brought back onto the image's grid: ``logits``, ``probabilities``, or ``labels`` (nearest;
            quicker, coarser edges); None takes the model's.
        form: which form of the networks runs: the ``full`` weights; ``int8``, the package's 8-bit form, refused where
            there is none or the machine cannot run it; ``smallest``, the 8-bit form where it can run, else the full
            weights.
        spacing_scale: factor on the model's spacing; above 1 is coarser and quicker. None chooses: 1 with the 8-bit
            form, else by the size of the smallest structure that the model finds.
        precision: ``auto`` (fp16 on CUDA, else fp32), ``fp32``, ``fp16`` or ``bf16``.
        backend: what runs the network: ``torch``, ``openvino``, ``onnx`` or ``tensorrt``; ``auto`` chooses by device,
            by what is installed, and by trial.
        tile_batch: tiles per forward pass; 0 chooses by device and memory.
        memory_limit: bytes of device memory the run may take; None is what is free.
        patch: (z, y, x) voxels of a tile; None takes the model's. With instance norm the answer depends on it.
    """

    overlap: float | None = 0.25
    mirrors: bool = False
    folds: bool = False
    weighting: str | None = "gaussian"
    tiling: str | None = "even"
    skip_background: bool = True
    restored: str | None = None
    form: str = "full"
    spacing_scale: float | None = 1.0
    precision: str = "auto"
    backend: str = "auto"
    tile_batch: int = 0
    memory_limit: int | None = None
    patch: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.overlap is not None and not 0 <= self.overlap < 1:
            raise InputError(f"An overlap of {self.overlap} is not possible.", "Use 0 up to 0.9.")
        for knob, known in _CHOICES.items():
            value = getattr(self, knob)
            if value is not None and value not in known:
                raise InputError(f"Unknown {knob} '{value}'.", f"Use one of {', '.join(known)}.")
        if self.spacing_scale is not None and not 0.5 <= self.spacing_scale <= 4:
            raise InputError(f"A spacing scale of {self.spacing_scale} is not sensible.", "Use 0.5 to 4.")
        if self.tile_batch < 0 or (self.memory_limit is not None and self.memory_limit <= 0):
            raise InputError("Tile batch and memory limit must be positive.")
        if self.patch is not None and (len(self.patch) != 3 or min(self.patch) < 1):
            raise InputError(f"A patch of {self.patch} is not possible.", "Give three positive numbers (z, y, x).")

    def for_model(self, contract: InferenceContract) -> EngineSettings:
        """These settings with the model's published protocol where they leave the choice to the model."""
        names = ("overlap", "weighting", "tiling", "restored", "patch")
        return replace(self, **{name: getattr(contract, name) for name in names if getattr(self, name) is None})

    def with_overrides(self, overrides: Mapping[str, Any]) -> EngineSettings:
        """A copy with some knobs changed.

        Raises:
            InputError: a knob that does not exist, or a value that it cannot take.
        """
        known = {f.name for f in fields(self)}
        unknown = sorted(set(overrides) - known)
        if unknown:
            raise InputError(f"Unknown setting '{unknown[0]}'.", f"The settings are {', '.join(sorted(known))}.")
        for name, value in overrides.items():
            _check_type(name, value)
        return replace(self, **overrides)


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("overlap", "spacing_scale"), (int, float)),
    **dict.fromkeys(("mirrors", "folds", "skip_background"), (bool,)),
    **dict.fromkeys(("weighting", "tiling", "restored", "precision", "backend", "form"), (str,)),
    **dict.fromkeys(("tile_batch", "memory_limit"), (int,)),
    "patch": (list, tuple),
}
_OPTIONAL = ("overlap", "weighting", "tiling", "restored", "spacing_scale", "memory_limit", "patch")


def _check_type(name: str, value: Any) -> None:
    """Refuses a value of the wrong type: settings come from other programs too."""
    if value is None and name in _OPTIONAL:
        return
    kinds = _TYPES[name]
    fits = isinstance(value, kinds) and (kinds == (bool,) or not isinstance(value, bool))
    if name == "patch":
        fits = fits and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    if not fits:
        raise InputError(f"The setting '{name}' cannot be {repr(value)[:80]}.", "See the manual for what it takes.")


PRESETS: dict[str, EngineSettings] = {
    # The model's own published protocol: nothing left out, nothing approximated.
    "exact": EngineSettings(
        overlap=None,
        mirrors=True,
        folds=True,
        weighting=None,
        tiling=None,
        skip_background=False,
        precision="fp32",
    ),
    "balanced": EngineSettings(),
    "fast": EngineSettings(overlap=0.125, form="smallest", spacing_scale=None),
}


def overridden(name: str, overrides: Mapping[str, Any]) -> EngineSettings | None:
    """A preset with some knobs changed; None where none is, so that a run keeps the preset's name.

    Raises:
        InputError: no such preset, or a knob that does not exist or cannot take its value.
    """
    return preset(name).with_overrides(overrides) if overrides else None


def preset(name: str) -> EngineSettings:
    """The settings of a preset.

    Raises:
        InputError: no such preset.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(f"Unknown preset '{name}'.", f"Use one of {', '.join(PRESETS)}.") from None
