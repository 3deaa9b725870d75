"""The image series of a tree of DICOM files, sorted into studies; those that suit the model become cases.

Names are made of the UIDs' digests: no name or number of a patient goes into a file name or a table.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from ...errors import InputError
from ...io.dicom.folder import Series, contents_of, contents_of_files, lost_slices
from ...io.dicom.kinds import Other
from ...text import shown
from ..case import CohortCase, Found, LeftOut, Source
from .wanted import Wanted

Place = Path | tuple[int, int]
_CHANNELS = "The model takes {} images of a case, and a tree of DICOM does not say which belong together."


def find_series(
    folder: Path, wanted: Wanted, files: Iterable[Path] | None = None, only: Set[Place] | None = None
) -> Found:
    """Every series under ``folder``: a case, or left out with the reason. Single pictures without a place in the
    patient are a case each.

    Args:
        files: those that are looked at, where they have been found already.
        only: files that were asked for, each of which stands for its series; all else is passed over.

    Raises:
        InputError: the folder cannot be listed.
    """
    contents = contents_of(folder) if files is None else contents_of_files(files)
    shared = _shared_folders(contents.series)
    cases: list[CohortCase] = []
    left = [_other(other) for other in contents.others if _asked(other.path, only)]
    every = [series for series in contents.series if any(_asked(item.path, only) for item in series.slices)]
    for series in every:
        lost = lost_slices(series, contents.broken)
        reason = _objection(series, wanted) or (f"{lost[0].path.name} {lost[0].fault}" if lost else "")
        if reason:
            left.append(_left(series, reason, bool(lost)))
        else:
            cases += _cases(series, shared, only)
    known = {broken.path for series in every for broken in lost_slices(series, contents.broken)}
    left += [
        LeftOut(shown(broken.path.name), broken.path, f"It {broken.fault}", "Export it again, if it is wanted.")
        for broken in contents.broken
        if broken.content == "dicom" and broken.path not in known and _asked(broken.path, only)
    ]
    studies = len({series.slices[0].study for series in every})
    note = f"{len(every)} series of {studies} studies under {folder.name}: {len(cases)} suit the model."
    return Found(tuple(cases), tuple(left), (note,))


def series_name(series: Series) -> str:
    """A name without anything of the patient: digests of study and series, and the series' number."""
    first = series.slices[0]
    return name_of(first.study or str(first.path.parent), series.number, series.uid or str(first.path))


def name_of(study: str, number: str, series: str) -> str:
    """The name of UIDs and the series' number."""
    number = number[:6] if number.isdecimal() else ""
    return f"study-{_digest(study)}-series-{number or 'x'}-{_digest(series)}"


def source_of_file(path: Path, series: Series, wanted: str = "") -> Source:
    """A file that stands for its series; changes of the series' files beside it count too.

    Args:
        wanted: by what the series was asked for.
    """
    own = sorted({item.path.name for item in series.slices if item.path.parent == path.parent})
    return Source(path, wanted, files=tuple(own) if len(own) > 1 else ())


def place_of(path: Path) -> Place:
    """What tells one file from all others, however its name is spelt; the path where the system has no such numbers."""
    try:
        state = path.stat()
    except OSError:
        return path
    return (state.st_dev, state.st_ino) if state.st_ino else path


def _asked(path: Path, only: Set[Place] | None) -> bool:
    return only is None or place_of(path) in only


def _cases(series: Series, shared: Set[Path], only: Set[Place] | None) -> list[CohortCase]:
    if not series.is_collection:
        return [_case(series, shared)]
    first = series.slices[0]
    return [
        CohortCase(
            name_of(first.study or str(first.path.parent), series.number, f"{series.uid}/{item.path.name}"),
            (Source(item.path),),
            origin=str(series),
        )
        for item in series.slices
        if _asked(item.path, only)
    ]


def _case(series: Series, shared: Set[Path]) -> CohortCase:
    folder = _folder_of(series)
    # What else lies there, or comes to lie there, is none of the case's business.
    own = sorted(str(item.path.relative_to(folder)) for item in series.slices) if folder in shared else ()
    wanted = series.identifier or (series.number if series.number.isdecimal() else "")
    if wanted:
        source = Source(folder, wanted, files=tuple(dict.fromkeys(own)))
    else:  # it has no name but what an operator typed: one of its files stands for it
        source = source_of_file(series.slices[0].path, series)
    return CohortCase(series_name(series), (source,), origin=str(series))


def _folder_of(series: Series) -> Path:
    return Path(os.path.commonpath([item.path.parent for item in series.slices]))


def _shared_folders(every: Sequence[Series]) -> set[Path]:
    """Folders with slices of several series in them or below."""
    owners: dict[Path, set[int]] = defaultdict(set)
    for number, series in enumerate(every):
        for parent in {item.path.parent for item in series.slices}:
            for folder in (parent, *parent.parents):
                owners[folder].add(number)
    return {folder for folder, numbers in owners.items() if len(numbers) > 1}


def _objection(series: Series, wanted: Wanted) -> str:
    if wanted.channels > 1:
        return _CHANNELS.format(wanted.channels)
    if wanted.colours and not series.slices[0].colour:
        return "It is grey, and the model takes colours."
    if series.localizer:
        return "It is a localizer."
    if series.is_collection and wanted.volumes:
        return "Its pictures do not say where they lie, and the model takes volumes."
    return wanted.objection(series.modality, sum(len(item.frames) for item in series.slices))


def _left(series: Series, reason: str, damaged: bool) -> LeftOut:
    cure = "Copy or export the series again." if damaged else "Name it in a CSV table, if it is wanted all the same."
    told = f"{series.kind}, UID {series.identifier}" if series.identifier else series.kind
    return LeftOut(series_name(series), series.slices[0].path.parent, f"{reason} ({told})", cure)


def _other(other: Other) -> LeftOut:
    error = InputError(f"It is a {other.kind}, no image.", other.cure)
    return LeftOut.because(shown(other.path.name), other.path, error)


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]
