"""Where a header may say that its voxels lie: beside it or below it, and nowhere else.

A header from a stranger that names ``/home/me/letter.txt`` or ``../../key`` would turn that file into an image,
which is then segmented, drawn and passed on.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from ..plain_files import require_plain_file

_DRIVE = re.compile(r"[A-Za-z]:")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_PATTERN = re.compile(r"%(0?)(\d{0,2})[du]")
_MOST_FILES = 100_000


def data_file(header: Path, name: str) -> Path:
    """The file that ``header`` names.

    A name is taken as what stands after the header's own folder. Links are followed first: what the name leads to must
    lie in the folder that the header was named in, or in the one where the header really lies, or below either.

    Raises:
        InputError: an absolute path, a drive, a share, an address, a home folder, a way up; a link that leads
            elsewhere; or the file is missing or none.
    """
    parts = name.replace("\\", "/").split("/")
    outside = (
        not name.strip()
        or "\0" in name
        or parts[0] == ""
        or ".." in parts
        or name.startswith("~")
        or _DRIVE.match(name) is not None
        or _URL.match(name) is not None
    )
    if outside:
        raise _elsewhere(header, name)
    path = header.parent / name
    if "\\" in name and not path.exists():
        path = header.parent.joinpath(*parts)
    try:
        real = path.resolve()
        homes = (header.parent.resolve(), header.resolve().parent)
    except (OSError, RuntimeError) as error:
        raise _elsewhere(header, name) from error
    if not any(real.is_relative_to(home) for home in homes):
        raise _elsewhere(header, name)
    try:
        require_plain_file(path)
    except InputError as error:
        raise _missing(header, name, path, error) from error
    return path


def numbered_files(header: Path, pattern: str, first: int, last: int, step: int) -> tuple[Path, ...]:
    """The files of a pattern such as ``slice_%03d.raw`` for the numbers from ``first`` to ``last``.

    Raises:
        InputError: as :func:`data_file`; a pattern of another kind; too many numbers.
    """
    found = _PATTERN.search(pattern)
    if step == 0 or found is None or pattern.count("%") != 1:
        raise _elsewhere(header, pattern)
    numbers = range(first, last + (1 if step > 0 else -1), step)
    if not 1 <= len(numbers) <= _MOST_FILES:
        raise InputError(
            f"'{header.name}' names {len(numbers)} files by '{pattern}'.", "Correct its first and last number."
        )
    width, fill = int(found[2] or 0), found[1] or " "
    names = [pattern[: found.start()] + str(n).rjust(width, fill) + pattern[found.end() :] for n in numbers]
    return tuple(data_file(header, name) for name in names)


def _elsewhere(header: Path, name: str) -> InputError:
    return InputError(
        f"'{header.name}' says that its voxels lie in '{_short(name)}', outside its own folder. That is not followed: "
        "a header from others could name any file of this computer.",
        "If you trust it, put that file beside the header and write its bare name into the header.",
    )


def _missing(header: Path, name: str, path: Path, error: InputError) -> InputError:
    if path.exists():
        return InputError(f"The voxels of '{header.name}' cannot be read: {error.cause}", error.cure, error.detail)
    return InputError(
        f"'{header.name}' is a header alone: its voxels lie in '{_short(name)}', which is not beside it.",
        f"Copy '{_short(name)}' into the folder of '{header.name}'.",
    )


def _short(name: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return shown if len(shown) <= 100 else shown[:97] + "..."
