"""The one series that a path and a name mean; what was left out for it is said in its notes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...text import shown
from .folder import Contents, Series, contents_of, lost_slices
from .header import Broken
from .kinds import Other, counted

_LISTED = 12
_IN_SENTENCE = 3
_LISTED_BELOW = " It holds:"
_CHOOSE = "Choose one: give one of its files, or its UID, number or description as the series (--series)."


def find_series(folder: Path) -> list[Series]:
    """All image series in a folder and its sub-folders; the largest first, localizers last."""
    return sorted(contents_of(folder).series, key=lambda series: series.localizer)


def choose_series(path: Path, wanted: str | None = None, contents: Contents | None = None) -> Series:
    """The one series that ``path`` (a folder, or a file of the series) and ``wanted`` mean.

    A file means the series that it belongs to, within its own folder. In a folder with several, localizers are left
    out, and series in sub-folders where the folder itself has one; the notes of what is returned say so.

    Args:
        wanted: UID, number or description of a series.
        contents: of the folder, where its headers have been read already.

    Raises:
        InputError: no series, several and none chosen, or none of that name (the message lists what there is); what is
            asked for is no image; files that may be slices of it cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    contents = contents or contents_of(folder, deep=path.is_dir())
    if path.is_file():
        path = _listed(path, contents)
        _check_image(path, contents, wanted)
    if wanted is not None:
        chosen = _wanted(folder, contents, wanted)
    elif path.is_file():
        chosen = _around(path, contents)
    else:
        chosen = _only(folder, contents)
    lost = lost_slices(chosen, contents.broken)
    if lost:
        raise _lost(chosen, lost)
    return chosen


def _listed(path: Path, contents: Contents) -> Path:
    """A file as its folder lists it; systems that take a name in several spellings list it in one."""
    paths = [item.path for series in contents.series for item in series.slices]
    paths += [other.path for other in contents.others] + [file.path for file in contents.broken]
    if path in paths:
        return path
    return next((found for found in paths if found.exists() and found.samefile(path)), path)


def _check_image(path: Path, contents: Contents, wanted: str | None) -> None:
    """Refuses a file that was given itself and is no image, or cannot be read."""
    broken = next((file for file in contents.broken if file.path == path), None)
    if broken is not None:
        raise _damaged(broken)
    other = next((file for file in contents.others if file.path == path), None)
    if other is not None and wanted is None:
        raise _no_image(other)


def _around(path: Path, contents: Contents) -> Series:
    """The series that a file belongs to; the file alone where the series is a collection of single pictures."""
    series = next(one for one in contents.series if any(item.path == path for item in one.slices))
    if not series.is_collection:
        return series
    alone = tuple(item for item in series.slices if item.path == path)
    note = f"'{shown(path.name)}' was read alone: the files of series {series} are single pictures without a place."
    return replace(series, slices=alone, notes=(note,))


def _wanted(folder: Path, contents: Contents, wanted: str) -> Series:
    chosen = [series for series in contents.series if _answers((series.uid, series.number, series.description), wanted)]
    # A scanner may store the localizer under the identifier of the series itself.
    chosen = [series for series in chosen if not series.localizer] or chosen
    if len(chosen) == 1:
        return chosen[0]
    name = f"'{shown(folder.name)}'"
    other = next((other for other in contents.others if _answers(other.names, wanted)), None)
    if not chosen and other is not None:
        raise _no_image(other)
    if not chosen:
        raise InputError(f"{name} has no series called '{shown(wanted)}'. {_held(contents.series)}", _CHOOSE)
    raise InputError(
        f"{name} has {len(chosen)} series called '{shown(wanted)}':{_listing(chosen)}",
        "Choose one by its UID, or give one of its files.",
    )


def _uids(series: Sequence[Series]) -> bool:
    """Whether UIDs tell them apart."""
    return len({one.uid for one in series}) == len(series)


def _only(folder: Path, contents: Contents) -> Series:
    """The series of a folder where nobody said which."""
    if not contents.series:
        raise _nothing(folder, contents)
    images = [series for series in contents.series if not series.localizer]
    localizers = [series for series in contents.series if series.localizer]
    notes = []
    if not images:
        images, localizers = localizers, []
    if localizers:
        notes.append(f"Left out as localizers: {_some(localizers)}.")
    here = [series for series in images if any(item.path.parent == folder for item in series.slices)]
    if len(images) > 1 and len(here) == 1:
        below = [series for series in images if series is not here[0]]
        notes.append(
            f"The series in the folder itself was read, {here[0]}. Left out in its sub-folders: {_some(below)}."
        )
        images = here
    if len(images) > 1:
        raise InputError(
            f"'{shown(folder.name)}' holds {len(images)} DICOM series:{_listing(images)}",
            _CHOOSE,
        )
    if contents.others:
        notes.append(f"Left out because they are no images: {counted(contents.others)}.")
    damaged = [shown(file.path.name) for file in contents.broken if file.content == "dicom" and not file.series]
    if damaged:
        notes.append(f"Left out because they are damaged: {', '.join(damaged[:_LISTED])}.")
    notes.extend(f"The sub-folder '{shown(path.name)}' could not be looked into." for path in contents.closed)
    return replace(images[0], notes=tuple(notes))


def _answers(names: Sequence[str], wanted: str) -> bool:
    """Whether somebody who writes ``wanted`` means this one: as it is written in the file, or as we show it."""
    asked = _same(wanted)
    return bool(asked) and any(asked in (_same(name), _same(shown(name, 60))) for name in names if name)


def _same(name: str) -> str:
    """Letters with accents have two spellings in Unicode; keyboards and file systems differ in which they give."""
    return unicodedata.normalize("NFC", name).strip()


def _held(series: Sequence[Series]) -> str:
    return f"{_LISTED_BELOW.strip()}{_listing(series)}" if series else "It holds no image series."


def _listing(series: Sequence[Series]) -> str:
    """What there is, a series a line, not more than fit on a screen; see :func:`without_listing`."""
    alike = Counter(map(_names, series))
    lines = [f"- {one.listed}{_example(one) if alike[_names(one)] > 1 else ''}" for one in series[:_LISTED]]
    if len(series) > _LISTED:
        lines.append(f"- and {len(series) - _LISTED} more with fewer slices")
    return "\n".join(["", *lines])


def without_listing(text: str) -> str:
    """An error's text without the list of series that people choose from: their descriptions may be about a patient,
    and must not get into files."""
    first, *more = text.split("\n")
    return f"{first.removesuffix(_LISTED_BELOW).rstrip(':.')}." if more else first


def _names(series: Series) -> tuple[str, ...]:
    return (series.uid,) if series.uid else (series.number, series.description)


def _example(series: Series) -> str:
    """What tells it from another of the same names, such as that of another patient."""
    return f", such as '{shown(series.slices[0].path.name)}'"


def _some(series: Sequence[Series]) -> str:
    """Series within a sentence."""
    more = f" and {len(series) - _IN_SENTENCE} more" if len(series) > _IN_SENTENCE else ""
    return "; ".join(map(str, series[:_IN_SENTENCE])) + more


def _nothing(folder: Path, contents: Contents) -> InputError:
    damaged = [file for file in contents.broken if file.content == "dicom"]
    if contents.others:
        cure = contents.others[0].cure if len(contents.others) == 1 else "Give the folder of an image series."
        return InputError(f"'{shown(folder.name)}' holds no DICOM image, only: {counted(contents.others)}.", cure)
    if damaged:
        return _damaged(damaged[0])
    return InputError(
        f"'{shown(folder.name)}' holds no DICOM image.",
        "Choose the folder that holds the series' files, or one of them.",
    )


def _damaged(file: Broken) -> InputError:
    return InputError(
        f"'{shown(file.path.name)}' is damaged or incomplete: it {file.fault}.",
        "Copy or export the file again, and check that its size is the same as the original's.",
    )


def _no_image(other: Other) -> InputError:
    return InputError(f"'{shown(other.path.name)}' is no image: it is a DICOM {other.kind}.", other.cure)


def _lost(series: Series, lost: list[Broken]) -> InputError:
    first = lost[0]
    more = f" {len(lost) - 1} more files beside it cannot be read either." if len(lost) > 1 else ""
    return InputError(
        f"'{shown(first.path.name)}' may be a slice of series {series} and cannot be read: it {first.fault}.{more}",
        "Copy or export it again. If it is none of the series, move it out of the folder.",
    )
