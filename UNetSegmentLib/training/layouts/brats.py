"""BraTS (Menze et al. 2015; arXiv:1811.02629): a folder for each patient, four MR channels, overlapping regions."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name
from .dataset import CaseFiles, Dataset, Region
from .files import image_files, natural

CHANNELS = ("T1", "T1 with contrast", "T2", "FLAIR")
# Endings up to 2021, and from 2023 on.
_ENDINGS = (("t1", "t1n"), ("t1ce", "t1c", "t1gd"), ("t2", "t2w"), ("flair", "t2f"), ("seg",))
# Necrosis, oedema, enhancing tumour, which was 4 up to 2021.
_VALUES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 3}


def matches(path: Path) -> bool:
    """Whether the folder holds ``BraTS*`` folders with a ``seg`` file."""
    return path.is_dir() and any(_folders(path))


def read(path: Path) -> Dataset:
    """Reads ``NAME_t1``, ``_t1ce``, ``_t2``, ``_flair`` and ``_seg`` of each patient; also ``-t1n``, ``-t1c``,
    ``-t2w``, ``-t2f``, ``-seg``.

    The regions are painted so that the label map has the data set's own values: what is in the whole tumour alone is
    oedema, what is in the core alone is necrosis.

    Raises:
        InputError: a channel or segmentation is missing.
    """
    cases = tuple(_case(folder) for folder in sorted(_folders(path), key=lambda p: natural(p.name)))
    return Dataset(
        name="BraTS",
        folder=path,
        layout="brats",
        cases=cases,
        channels=CHANNELS,
        labels={1: "Necrotic core", 2: "Oedema", 3: "Enhancing tumour"},
        regions=(
            Region("Whole tumour", (1, 2, 3), 2),
            Region("Tumour core", (1, 3), 1),
            Region("Enhancing tumour", (3,), 3),
        ),
        values=_VALUES,
        modality="MR",
        licence="see the challenge's terms",
        reference="Menze et al., The Multimodal Brain Tumor Image Segmentation Benchmark, IEEE TMI 2015",
    )


def _folders(path: Path) -> list[Path]:
    return [p for p in (*path.glob("BraTS*"), *path.glob("*/BraTS*")) if p.is_dir()]


def _case(folder: Path) -> CaseFiles:
    by_ending: dict[str, Path] = {}
    for image in image_files(folder):
        other = by_ending.setdefault(case_name(image).replace("-", "_").rpartition("_")[2].lower(), image)
        if other is not image:
            raise InputError(
                f"'{other.name}' and '{image.name}' are two files of one channel.", f"Keep one of them in {folder}."
            )
    found = []
    for endings in _ENDINGS:
        file = next((by_ending[ending] for ending in endings if ending in by_ending), None)
        if file is None:
            raise InputError(
                f"The case {folder.name} has no file ending in '_{endings[0]}'.",
                f"It needs {', '.join('_' + names[0] for names in _ENDINGS)}.",
            )
        found.append(file)
    return CaseFiles(case_name(folder), tuple(found[:4]), found[4])
