"""What is done with every case of a cohort, and a digest by which a second run knows whether it would do the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import UsageError
from ..models.card import ModelCard
from ..version import __version__

DICOM = ".dcm"
KINDS = ("labelmap", "binary")
ENDINGS = (".seg.nrrd", ".nii.gz", ".nrrd", ".mha", DICOM)


@dataclass(frozen=True)
class CohortJob:
    """How cases are run; plain values, which travel to other processes and machines.

    Args:
        model: name or path of a package.
        device, preset: as of :class:`~UNetSegmentLib.inference.Segmenter`.
        overrides: knobs set by hand on top of the preset.
        ending: format of the segmentations; ``.dcm`` writes a SEG (label map) and a report, for DICOM series alone.
        preview: a picture for each case.
        quality: estimate how doubtful each case is, which needs the probabilities (no tile is left out then).
        probabilities: keep the probabilities too.
        dicom: kind of SEG where the ending is ``.dcm``: ``labelmap`` or ``binary``.
    """

    model: str
    device: str = "auto"
    preset: str = "balanced"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    ending: str = ".seg.nrrd"
    preview: bool = True
    quality: bool = False
    probabilities: bool = False
    dicom: str = "labelmap"

    def __post_init__(self) -> None:
        if self.ending not in ENDINGS:
            raise UsageError(f"Segmentations cannot end in '{self.ending}'.", f"Use one of {', '.join(ENDINGS)}.")
        if self.dicom not in KINDS:
            raise UsageError(f"There is no kind of SEG '{self.dicom}'.", f"Use {' or '.join(KINDS)}.")
        if self.dicom != KINDS[0] and self.ending != DICOM:
            raise UsageError(
                f"--dicom {self.dicom} is about DICOM, and segmentations end in '{self.ending}'.",
                "Use --format .dcm (or --store), or leave --dicom out.",
            )

    def digest(self, card: ModelCard) -> str:
        """Of all that decides a result: the model's files, the settings, this program's version. The device does not
        count, and neither does where the model lies."""
        settings = {k: v for k, v in asdict(self).items() if k not in ("model", "device")}
        model = {"name": card.name, "version": card.version, "files": dict(sorted(card.digests.items()))}
        text = json.dumps({"settings": settings, "model": model, "program": __version__}, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
