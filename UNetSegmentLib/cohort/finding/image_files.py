"""Image files of a folder as cases: one for each file, or nnU-Net's ``NAME_0000``, ``NAME_0001`` joined to one."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...errors import InputError
from ...io.atomic import stem
from ...io.case_names import are_channels, case_name, channel_of, image_ending
from ...io.label_table import is_label_table, table_path
from ...text import shown
from ..case import CohortCase, Found, LeftOut, Source
from .wanted import Wanted

_SLICER = (".seg.nrrd", ".seg.nhdr")
_DRAWN = "It is a segmentation, no image."
_CURE = "Name it in a table, if it is to be taken for an image all the same."


def file_cases(paths: Sequence[Path], wanted: Wanted) -> Found:
    """The cases of image files that lie in one folder.

    Files of one name are joined where all names are those of channels, see
    :func:`~UNetSegmentLib.io.case_names.are_channels`; channels that the model does not take are left out, and so are
    segmentations, which often lie beside their images.
    """
    drawn = _segmentations(paths)
    left = tuple(LeftOut.because(shown(path.name), path, InputError(_DRAWN, _CURE)) for path in paths if path in drawn)
    return _image_cases([path for path in paths if path not in drawn], wanted).joined(Found(left_out=left))


def _segmentations(paths: Sequence[Path]) -> frozenset[Path]:
    """Those that are Slicer's segmentations, or label maps with our table beside them."""
    named = {path for path in paths if image_ending(path) in _SLICER}
    others = [path for path in paths if path not in named]
    if not others:
        return frozenset(named)
    try:  # one listing is cheaper than a question for each
        names = os.listdir(others[0].parent)  # noqa: PTH208 (names alone are wanted)
    except OSError:
        return frozenset(named)
    tables = {name for name in names if name.endswith(".json")}
    # An image and a label map of one name share a table, which does not tell which is which.
    times = Counter(stem(Path(name)) for name in names if tables and image_ending(name) not in ("", *_SLICER))
    for path in others:
        table = table_path(path)
        if table.name in tables and times[stem(path)] == 1 and is_label_table(table):
            named.add(path)
    return frozenset(named)


def _image_cases(paths: Sequence[Path], wanted: Wanted) -> Found:
    if not are_channels([case_name(path) for path in paths], wanted.channels):
        return Found(tuple(CohortCase(case_name(path), (Source(path),)) for path in paths))
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    left: list[LeftOut] = []
    for path in paths:
        numbered = channel_of(case_name(path))
        assert numbered is not None
        name, number = numbered
        if number >= wanted.channels:
            cause = f"It is channel {number:04} of {name}; the model takes {wanted.channels}."
            cure = "Give it another name, if it is an image by itself."
            left.append(LeftOut.because(path.name, path, InputError(cause, cure)))
        elif number in groups[name]:
            cause = f"'{groups[name][number].name}' is channel {number:04} of {name} too."
            left.append(LeftOut.because(path.name, path, InputError(cause, "Keep one of the two.")))
        else:
            groups[name][number] = path
    cases = []
    for name, channels in groups.items():
        missing = [n for n in range(wanted.channels) if n not in channels]
        if missing:
            cause = f"{name} has no channel {missing[0]:04}; the model takes {wanted.channels}."
            first = next(iter(channels.values()))
            left.append(LeftOut.because(name, first, InputError(cause, f"Add {name}_{missing[0]:04}.")))
        else:
            cases.append(CohortCase(name, tuple(Source(channels[n]) for n in range(wanted.channels))))
    return Found(tuple(cases), tuple(left))


def by_folder(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Files by the folder that they lie in, in their order."""
    groups: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        groups[path.parent].append(path)
    return groups
