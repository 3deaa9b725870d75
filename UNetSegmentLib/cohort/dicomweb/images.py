"""Images of a server on this machine: in a folder of the run that only its owner may enter, until their case ends."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...io.atomic import output_error
from ..case import CohortCase
from ..journal import FOLDER
from ..own_files import IMAGES
from ..record import Record
from ..run import Engine, Part


def images_folder(output: Path, part: Part, keep: bool) -> Path:
    """Where the images of a run are put: a new folder for this run, or where they are kept, in ``output`` itself.

    Nothing is made here.
    """
    if keep:
        return output / IMAGES
    return output / FOLDER / f"fetched-{part.number}-of-{part.count}" / secrets.token_hex(4)


def remove_images(folder: Path) -> None:
    """Removes the folder of a run (one of :func:`images_folder` that are not kept), whatever is left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # beside another run's
        folder.parent.rmdir()


class FetchingEngine:
    """An engine whose cases come from a server: their folder is there before it begins, and images go when cases end.

    A run holds the journal of its part, so what lies beside its folder was left by one that was killed, and goes too.

    Args:
        engine: fetches, reads and runs the cases.
        folder: of :func:`images_folder`.
        keep: nothing is removed.
    """

    def __init__(self, engine: Engine, folder: Path, keep: bool = False) -> None:
        self._engine, self._folder, self._keep = engine, folder, keep

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends.

        Raises:
            OutputError: the folder cannot be made.
            Whatever the engine raises.
        """
        try:
            if not self._keep:
                shutil.rmtree(self._folder.parent, ignore_errors=True)
                self._folder.parent.mkdir(mode=0o700, parents=True)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=self._keep)
        except OSError as error:
            raise output_error(self._folder, error) from error
        try:
            for record in self._engine.run(cases):
                if not self._keep:
                    shutil.rmtree(self._folder / record.case, ignore_errors=True)
                yield record
        finally:
            if not self._keep:
                remove_images(self._folder)
