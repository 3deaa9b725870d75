"""Models that were sent to this host: whole or not at all, each in a folder named by its digest."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import time
from pathlib import Path, PurePosixPath

from ...errors import ModelError
from ...folders import data_folder
from ...models.files import CARD
from ...models.package import load_model, swap_in
from ...models.registry import find_model
from ...models.staging import staging_folder
from .packages import digest_at

log = logging.getLogger(__name__)

_FOLDER = "received"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNUSED_SECONDS = 90 * 24 * 3600.0


class ModelStore:
    """The models of this host, as the far end finds them.

    Args:
        folder: of those that were received; None is in the user's data folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or data_folder() / _FOLDER
        self._staging = contextlib.ExitStack()
        self._new: Path | None = None
        self._paths: dict[str, Path] = {}

    def find(self, digest: str, name: str) -> Path | None:
        """The package of a digest: bundled, installed under that name, or received."""
        if not _DIGEST.fullmatch(digest):
            return None
        places = [self._paths.get(digest), self._installed(name), self._folder / digest]
        for path in places:
            if path is not None and digest_at(path) == digest:
                self._paths[digest] = path
                self._note_use(path)
                return path
        return None

    def begin(self) -> None:
        """A package is about to arrive. Raises OSError."""
        self.give_up()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._new = self._staging.enter_context(staging_folder(self._folder)) / "package"
        self._new.mkdir()

    def place(self, name: str) -> Path:
        """Where a file of it goes.

        Raises:
            ModelError: a name that leads elsewhere.
            OSError: its folder cannot be made.
        """
        parts = PurePosixPath(name).parts
        if self._new is None or not parts or name.startswith("/") or ".." in parts or re.search(r"[\\:\x00]", name):
            raise ModelError(f"'{name[:80]}' is no file of a model.")
        path = self._new.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def end(self, digest: str) -> Path:
        """All of it has arrived. Nothing in it is run: the card is read, and every file compared with its digest there.

        Raises:
            ModelError: it is not the package that was announced, or a broken one.
            OSError: it cannot be put in its place.
        """
        try:
            if self._new is None or not (self._new / CARD).is_file() or digest_at(self._new) != digest:
                raise ModelError("The model that arrived is not the one that was announced.", "Send it again.")
            load_model(self._new)
            swap_in(self._new, self._folder / digest)
            self._note_use(self._folder / digest)
            self._forget_unused()
        finally:
            self.give_up()
        self._paths[digest] = self._folder / digest
        return self._paths[digest]

    def give_up(self) -> None:
        """Nothing is left of what has begun to arrive."""
        self._new = None
        self._staging.close()

    def _installed(self, name: str) -> Path | None:
        try:
            return find_model(name)
        except ModelError:
            return None

    def _note_use(self, path: Path) -> None:
        if path.parent == self._folder:
            with contextlib.suppress(OSError):  # stored by another user, or read-only: then nobody tidies it either
                os.utime(path)

    def _forget_unused(self) -> None:
        """Removes received models that nobody has asked for in 90 days; who wants one again is asked to send it."""
        oldest = time.time() - _UNUSED_SECONDS
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if _DIGEST.fullmatch(path.name) and path.stat().st_mtime < oldest:
                    log.info("A model that was not used for 90 days is removed: %s", path)
                    shutil.rmtree(path, ignore_errors=True)
