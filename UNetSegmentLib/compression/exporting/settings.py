"""What an export is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError

KINDS = ("onnx", "openvino", "torchscript", "tensorrt")
PRECISIONS = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class ExportSettings:
    """How a network is exported.

    Args:
        fold: which of the model's networks; None makes one network that averages the logits of all of them, as the
            preset ``exact`` does (that many times the work).
        patch: (z, y, x) voxels of a tile; None takes the card's. z is 1 for a 2D network.
        dynamic: take other patches too, multiples of the network's total stride. The batch is always free.
        precision: ``fp32``, ``fp16`` (ONNX and TensorRT) or ``int8`` (the same; needs cases to calibrate with).
        workspace: bytes that TensorRT may take while it looks for the quickest kernels.
        batch: the largest batch that a TensorRT engine takes.
        calibration_tiles: how many tiles ``int8`` is calibrated with, at most.
    """

    fold: int | None = 0
    patch: tuple[int, int, int] | None = None
    dynamic: bool = False
    precision: str = "fp32"
    workspace: int = 2 << 30
    batch: int = 1
    calibration_tiles: int = 64

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise InputError(f"Unknown precision '{self.precision}'.", f"Use one of {', '.join(PRECISIONS)}.")
        if self.patch is not None and min(self.patch) < 1:
            raise InputError(f"A patch of {self.patch} is not possible.", "Give positive numbers of voxels.")
        if self.workspace < 1 or self.batch < 1:
            raise InputError("Workspace and batch must be positive.")


def settings_for(
    kind: str,
    fold: int | None = 0,
    patch: tuple[int, int, int] | None = None,
    dynamic: bool = False,
    half: bool | None = None,
    int8: bool = False,
) -> ExportSettings:
    """Settings with the precision that a format has by default: half for TensorRT, single for all others.

    Args:
        half: None for that default.

    Raises:
        InputError: half precision and 8 bits at once.
    """
    if int8 and half:
        raise InputError("Half precision and 8 bits exclude each other.", "Give --fp16 or --int8.")
    if half is None:
        half = kind == "tensorrt"
    return ExportSettings(fold, patch, dynamic, "int8" if int8 else "fp16" if half else "fp32")


@dataclass(frozen=True)
class Agreement:
    """How far the exported network's answers are from the source's, over all tiles that were compared.

    Args:
        on: in words: which tiles.
        tiles: how many.
        labels: share of voxels with the same label.
        dice: of the exported labels against the source's, mean over the labels that the source finds; 1 where it finds
            none.
        difference: root mean square of the difference of the logits over the standard deviation of the source's.
    """

    on: str
    tiles: int
    labels: float
    dice: float
    difference: float


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        kind: one of :data:`KINDS`.
        path: the file, or the folder of an OpenVINO export.
        files: all files written, with their bytes.
        agreement: with the source; None where this machine cannot run the file.
        notes: what was chosen on the way, and what the user should know.
        next_steps: commands to go on with, one a line.
    """

    kind: str
    path: Path
    files: dict[str, int]
    agreement: Agreement | None
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = field(default=())
