"""CT challenges: LiTS (liver tumours, arXiv:1901.04056) and KiTS (kidney tumours, arXiv:1912.01054)."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name
from .dataset import CaseFiles, Dataset
from .files import lacking_label, natural

_VOLUME = re.compile(r"volume-(\d+)\.nii(\.gz)?")
_KITS = ("imaging.nii.gz", "segmentation.nii.gz")


def matches_lits(path: Path) -> bool:
    """Whether the folder holds ``volume-N.nii`` files (below it, in several batches)."""
    return path.is_dir() and any(_VOLUME.fullmatch(p.name) for p in _nearby(path))


def read_lits(path: Path) -> Dataset:
    """``volume-N.nii`` beside ``segmentation-N.nii``: 1 liver, 2 tumour.

    Raises:
        InputError: a volume without its segmentation.
    """
    cases, lacking = [], []
    for image in sorted(_nearby(path), key=lambda p: natural(p.name)):
        match = _VOLUME.fullmatch(image.name)
        if match is None:
            continue
        options = [image.with_name(f"segmentation-{match[1]}.nii{ending}") for ending in ("", ".gz")]
        label = next((p for p in options if p.is_file()), None)
        if label is None:
            lacking.append(image.name)
        else:
            cases.append(CaseFiles(f"volume-{match[1]}", (image,), label))
    if lacking:
        raise InputError(
            f"The case {lacking[0]} has no segmentation file ({len(lacking)} such cases).",
            "Put segmentation-N.nii beside volume-N.nii, or remove the volume.",
        )
    return Dataset(
        name="LiTS",
        folder=path,
        layout="lits",
        cases=tuple(cases),
        channels=("CT",),
        labels={1: "Liver", 2: "Liver tumour"},
        modality="CT",
        licence="CC-BY-NC-SA 4.0",
        reference="Bilic et al., The Liver Tumor Segmentation Benchmark, 2019, arXiv:1901.04056",
    )


def matches_kits(path: Path) -> bool:
    """Whether the folder holds ``case_NNNNN/imaging.nii.gz``."""
    return path.is_dir() and any(path.glob("case_*/imaging.nii.gz"))


def read_kits(path: Path) -> Dataset:
    """``case_NNNNN/imaging.nii.gz`` and ``segmentation.nii.gz``: 1 kidney, 2 tumour, 3 cyst (KiTS21 on).

    Raises:
        InputError: a case without its segmentation.
    """
    folders = sorted((p.parent for p in path.glob("case_*/imaging.nii.gz")), key=lambda p: natural(p.name))
    lacking = [folder.name for folder in folders if not (folder / _KITS[1]).is_file()]
    if lacking:
        raise lacking_label(lacking[0], len(lacking), path / lacking[0])
    return Dataset(
        name="KiTS",
        folder=path,
        layout="kits",
        cases=tuple(CaseFiles(case_name(f), (f / _KITS[0],), f / _KITS[1]) for f in folders),
        channels=("CT",),
        labels={1: "Kidney", 2: "Kidney tumour", 3: "Kidney cyst"},
        modality="CT",
        licence="CC-BY-NC-SA 4.0",
        reference="Heller et al., The KiTS19 Challenge Data, 2019, arXiv:1904.00445",
    )


def _nearby(path: Path) -> list[Path]:
    return [*path.glob("volume-*.nii*"), *path.glob("*/volume-*.nii*")]
