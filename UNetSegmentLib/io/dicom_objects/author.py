"""Who made a segmentation, as DICOM objects state it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...version import __version__

MANUFACTURER = "UNetSegment"
VERSION = __version__


@dataclass(frozen=True)
class Author:
    """A model, or a person with its help.

    Args:
        name: of the model.
        version: of the model.
        digest: SHA-256 of its weights; empty where unknown.
        corrected: somebody has changed what it found: SEMIAUTOMATIC in place of AUTOMATIC.
        by_hand: no model took part: MANUAL, and DICOM then names no algorithm.
    """

    name: str
    version: str = ""
    digest: str = ""
    corrected: bool = False
    by_hand: bool = False

    @property
    def kind(self) -> str:
        """DICOM's word for how it was made."""
        if self.by_hand:
            return "MANUAL"
        return "SEMIAUTOMATIC" if self.corrected else "AUTOMATIC"


def author_of(settings: Mapping[str, Any]) -> Author:
    """The model of a run, by the settings of its result."""
    return Author(str(settings["model"]), str(settings["model_version"]), str(settings.get("model_digest", "")))
