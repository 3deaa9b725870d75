"""Where a hostile input is made, and what it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

SHAPE = (20, 24, 28)


@dataclass(frozen=True)
class Place:
    """A folder of the input's own, and an intact model package."""

    folder: Path
    package: Path

    def segment(self, image: Path, *options: object, model: object = None) -> list[str]:
        """``unetsegment segment`` on an image."""
        target = self.folder / "out.seg.nrrd"
        return [str(each) for each in ("segment", image, target, "--model", model or self.package, *options)]

    def image(self, name: str = "scan.nii.gz", spacing: float = 1.0) -> Path:
        """A harmless image with the levels 0, 1 and 2."""
        path = self.folder / name
        voxels = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.float32)
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing((spacing,) * 3)
        sitk.WriteImage(image, str(path))
        return path

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def model(self, change: Callable[[dict[str, Any]], None]) -> Path:
        """A copy of the intact package with a changed card."""
        target = self.folder / "model"
        shutil.copytree(self.package, target)
        card = json.loads((target / "model.json").read_text(encoding="utf-8"))
        change(card)
        (target / "model.json").write_text(json.dumps(card), encoding="utf-8")
        return target


@dataclass(frozen=True)
class Hostile:
    """One input.

    Args:
        point: of the list of what did not hold (C1, C2 ...).
        name: what it is, in words.
        command: makes it and returns the arguments of ``unetsegment``.
        fine: it may also succeed (the harm was elsewhere).
        patience: seconds that it may honestly take; None is what is asked of all.
        memory: limit of the process's address space in bytes, where that is what is tried.
    """

    point: str
    name: str
    command: Callable[[Place], list[str]]
    fine: bool = False
    patience: float | None = None
    memory: int | None = None
