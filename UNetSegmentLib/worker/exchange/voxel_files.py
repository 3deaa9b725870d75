"""The files that a client hands voxels over in."""

from __future__ import annotations

import os
from pathlib import Path

from .folders import ExchangeFolder, HeldFile
from .mapped import output_error


class VoxelFiles:
    """A client's private folder, made when it is first needed and again when somebody removed it.

    Args:
        parent: where to make it; None is the system's temporary folder.
    """

    def __init__(self, parent: str | os.PathLike[str] | None = None) -> None:
        self._parent = parent
        self._folder: ExchangeFolder | None = None

    @property
    def path(self) -> Path:
        """Of the folder. Raises OutputError when it cannot be made."""
        return self._made().path

    def new(self, name: str) -> HeldFile:
        """A new file. Raises OutputError."""
        folder = self._made()
        try:
            return folder.file(name)
        except OSError as error:
            raise output_error(folder.path, error) from error

    def remove(self) -> None:
        """Removes the folder, if there is one."""
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _made(self) -> ExchangeFolder:
        if self._folder is None or not self._folder.path.is_dir():
            self.remove()
            try:
                self._folder = ExchangeFolder(self._parent)
            except OSError as error:
                raise output_error(self._parent or "the folder for temporary files", error) from error
        return self._folder
