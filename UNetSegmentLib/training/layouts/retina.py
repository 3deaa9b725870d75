"""Colour fundus photographs with vessels drawn by hand: DRIVE (Staal et al. 2004) and STARE (Hoover et al. 2000)."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name
from .dataset import CaseFiles, Dataset
from .files import image_files, natural

COLOURS = ("Red", "Green", "Blue")
IGNORED = 255
FOLDS = 4
_DRIVE_IMAGE = re.compile(r"(\d+)_(training|test)")
_STARE_IMAGE = re.compile(r"im\d{4}")


def matches_drive(path: Path) -> bool:
    """Whether the folder holds ``images/NN_training.tif``."""
    folder = path / "images"
    return folder.is_dir() and any(_DRIVE_IMAGE.fullmatch(case_name(p)) for p in image_files(folder))


def read_drive(path: Path) -> Dataset:
    """``images/NN_training.tif``, ``labels/`` (or ``1st_manual/``) ``NN_manual1.gif``, ``masks/`` (or ``mask/``)
    ``NN_training_mask.gif``. Vessels are 1; what lies outside of the field of view is not judged. Four folds, by number
    in turn.

    Raises:
        InputError: a photograph without its vessels or its mask.
    """
    labels = _by_number(path, ("labels", "1st_manual"))
    masks = _by_number(path, ("masks", "mask"))
    cases = []
    for image in image_files(path / "images"):
        number = image.name.split("_")[0]
        for table, what in ((labels, "manual segmentation"), (masks, "mask of the field of view")):
            if number not in table:
                raise InputError(f"The photograph {image.name} has no {what}.", "Add the file or remove the image.")
        cases.append(CaseFiles(case_name(image), (image,), labels[number], masks[number]))
    return _vessels("DRIVE", path, "drive", cases, "Staal et al., IEEE TMI 2004")


def matches_stare(path: Path) -> bool:
    """Whether the folder holds ``im0001.ppm`` and so on."""
    return path.is_dir() and any(_STARE_IMAGE.fullmatch(case_name(p)) for p in _stare_images(path))


def read_stare(path: Path) -> Dataset:
    """``im0001.ppm`` with ``im0001.ah.ppm`` (Adam Hoover's vessels) beside it or in ``labels/`` (``labels-ah/``), and
    ``im0001_mask`` in ``masks/`` where there are masks. The ``.gz`` around the originals must be unpacked first.

    Raises:
        InputError: a photograph without its vessels.
    """
    everything = [
        p for folder in ("labels", "labels-ah") if (path / folder).is_dir() for p in (path / folder).iterdir()
    ]
    everything += [p for p in path.iterdir() if p.is_file()]
    labels = {p.name.split(".")[0]: p for p in everything if p.name.split(".")[1:2] == ["ah"]}
    masks = {p.name[:6]: p for p in image_files(path / "masks")} if (path / "masks").is_dir() else {}
    cases = []
    for image in sorted(_stare_images(path), key=lambda p: natural(p.name)):
        name = case_name(image)
        if not _STARE_IMAGE.fullmatch(name):
            continue
        if name not in labels:
            raise InputError(f"The photograph {image.name} has no segmentation {name}.ah.ppm.", "Add it.")
        cases.append(CaseFiles(name, (image,), labels[name], masks.get(name)))
    return _vessels("STARE", path, "stare", cases, "Hoover et al., IEEE TMI 2000")


def _vessels(name: str, path: Path, layout: str, cases: list[CaseFiles], reference: str) -> Dataset:
    count = min(FOLDS, len(cases))
    folds = tuple(tuple(case.name for case in cases[first::count]) for first in range(count)) if count > 1 else ()
    return Dataset(
        name=name,
        folder=path,
        layout=layout,
        cases=tuple(cases),
        channels=COLOURS,
        labels={1: "Retinal vessel"},
        values={0: 0, 1: 1, 255: 1},
        ignored=IGNORED,
        folds=folds,
        modality="Colour fundus photograph",
        licence="for research",
        reference=reference,
        pixels=True,
    )


def _by_number(path: Path, folders: tuple[str, ...]) -> dict[str, Path]:
    folder = next((path / name for name in folders if (path / name).is_dir()), None)
    if folder is None:
        raise InputError(f"There is no folder '{folders[0]}' in {path}.", f"Add it (or '{folders[1]}').")
    found: dict[str, Path] = {}
    for file in image_files(folder):
        other = found.setdefault(file.name.split("_")[0], file)
        if other is not file:
            raise InputError(
                f"'{other.name}' and '{file.name}' begin with the same number.", f"Keep one of them in {folder}."
            )
    return found


def _stare_images(path: Path) -> list[Path]:
    return [p for folder in (path, path / "images") if folder.is_dir() for p in image_files(folder)]
