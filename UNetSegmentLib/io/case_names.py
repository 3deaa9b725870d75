"""What a case is called: one rule for evaluation, training, tables and pictures.

A case has the name of its file without the ending of its format. A dot inside a name is part of it: patients are often
named by DICOM UIDs, recordings by ``rec02.x1909``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import InputError
from ..text import shown

# Longest first, so that no ending is cut in its middle.
IMAGE_ENDINGS = (
    *(".seg.nrrd", ".seg.nhdr", ".nii.gz"),
    *(".nii", ".nrrd", ".nhdr", ".mha", ".mhd"),
    *(".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm"),
)
# Read, but not looked for in folders of cases: a DICOM file is a slice, and the halves of a pair have one name.
_FURTHER = (".dcm", ".hdr", ".img")
_CHANNEL = re.compile(r"(.+)_(\d{4})")
RESULT = "segmentation"
"""What a cohort's run calls the result in a case's folder, without the ending of its format."""
_KEPT = re.compile(r"(.+)-kept-\d+")


def kept_name(name: str, number: int) -> str:
    """What the folder of a case is called from then on whose result was corrected and must not be replaced."""
    return f"{name}-kept-{number}"


def kept_of(name: str) -> str:
    """The case of a folder's :func:`kept_name`; empty for other names."""
    kept = _KEPT.fullmatch(name)
    return kept[1] if kept else ""


def case_name(path: Path | str) -> str:
    """The file's name without the ending of its format, whatever dots it has; the whole name where it has none.

    Letters with accents are composed (NFC), since macOS stores them apart and others do not. What cannot be shown (line
    breaks, control characters, bytes that are no UTF-8) is escaped: names go into tables, pictures and files of ours.
    """
    name = Path(path).name
    ending = image_ending(name) or next((e for e in _FURTHER if name.lower().endswith(e)), "")
    plain = name[: len(name) - len(ending)] or name
    return plain_text(plain)


def plain_text(name: str) -> str:
    """A name of a case or a label as it is kept: composed, and without what cannot be shown."""
    return shown(unicodedata.normalize("NFC", name), None)


def image_ending(path: Path | str) -> str:
    """The ending out of :data:`IMAGE_ENDINGS`, in lower case; empty for a file of another kind."""
    name = Path(path).name.lower()
    return next((ending for ending in IMAGE_ENDINGS if name.endswith(ending)), "")


def is_image_file(path: Path) -> bool:
    """Whether a file in a folder of cases is one of them, by its name. Hidden files are not."""
    return bool(image_ending(path)) and not path.name.startswith(".") and path.is_file()


def channel_of(name: str) -> tuple[str, int] | None:
    """Case and number out of nnU-Net's name for one channel of a case, ``NAME_0001``; None for any other name."""
    match = _CHANNEL.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def are_channels(names: Sequence[str], channels: int) -> bool:
    """Whether all of these names of files are channels of cases (``NAME_0000``, ``NAME_0001``), and none is a case with
    a number of its own (``patient_0001``).

    Channels are counted from 0: some case must have the first, and each case where one image is a case. More numbers of
    a single name than a case has images are cases.

    Args:
        channels: images of a case.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for name in names:
        found = channel_of(name)
        if found is None:
            return False
        numbers[found[0]].append(found[1])
    if not numbers or (len(numbers) == 1 and len(names) > channels):
        return False
    return (any if channels > 1 else all)(0 in each for each in numbers.values())


def joined_channels(files: Iterable[Path], channels: int) -> dict[str, tuple[Path, ...]]:
    """The files of each case in the order of their channels, for names of which :func:`are_channels` holds.

    Args:
        channels: files of a case.

    Raises:
        InputError: a case that lacks a channel, or has more than the model takes.
    """
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in files:
        numbered = channel_of(case_name(file))
        assert numbered is not None
        found[numbered[0]][numbered[1]] = file
    for name, numbers in found.items():
        missing = [n for n in range(channels) if n not in numbers]
        if missing:
            raise InputError(
                f"The case {name} in {next(iter(numbers.values())).parent} has no file for channel {missing[0]:04}.",
                f"The model takes {channels} channels: add {name}_{missing[0]:04}, or remove the case.",
            )
        if len(numbers) > channels:
            raise InputError(
                f"The case {name} has files for {len(numbers)} channels, the model takes {channels}.",
                "Give the images of the model's channels only.",
            )
    return {name: tuple(numbers[n] for n in range(channels)) for name, numbers in found.items()}


def cases_by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """The files by the names of their cases, in the given order.

    Raises:
        InputError: two files of one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = case_name(path)
        if name in found:
            raise InputError(
                f"'{found[name].name}' and '{path.name}' are two files of one case, '{name}'.",
                f"Keep one of them in {path.parent}.",
            )
        found[name] = path
    return found
