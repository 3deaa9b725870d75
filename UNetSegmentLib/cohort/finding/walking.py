"""All files under a folder, without following links in circles and without looking into results of cohort runs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError
from ...text import shown
from ..case import LeftOut
from ..journal import journals


@dataclass
class Walk:
    """One walk; ``left_out`` fills while it goes: folders that cannot be listed, links to nothing or to themselves."""

    skipped: Path | None = None
    left_out: list[LeftOut] = field(default_factory=list)

    def files(self, folder: Path) -> Iterator[Path]:
        """Ordinary files, sorted, each folder's own before those below it. Hidden ones are passed over; links to
        files are followed, links to folders are not."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._leave(folder, "The folder cannot be listed.", "Check its permissions.", str(error))
            return
        below = []
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and not _leads_to_file(path):
                self._leave(path, *_what_link(path))
            elif entry.is_dir(follow_symlinks=False):
                if self.skipped is not None and path.resolve() == self.skipped:
                    continue
                if journals(path):
                    cure = "Give the folder by itself, if its segmentations are to be taken for images."
                    self._leave(path, "It holds results of a cohort run.", cure)
                else:
                    below.append(path)
            elif entry.is_file():
                yield path
            else:
                self._leave(path, "It is a pipe, a device or a socket.", "Give an ordinary file.")
        for path in below:
            yield from self.files(path)

    def _leave(self, path: Path, cause: str, cure: str, detail: str = "") -> None:
        error = InputError(cause, cure, detail)
        self.left_out.append(LeftOut.because(shown(path.name), path, error))


def _leads_to_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a circle
        return False


def _what_link(path: Path) -> tuple[str, str]:
    """Cause and cure."""
    try:
        if path.is_dir():
            cure = "Give the folder that it leads to by itself, if it is wanted."
            return "It is a link to a folder, which is not followed.", cure
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "It is a link that leads back to itself.", "Remove it."
    return "It is a link that leads nowhere.", "Mend the link, or remove it."
