"""The source of an import, a folder, a ``.zip`` or a single file, as one read-only view with POSIX names.

Nothing of an archive is unpacked under a name that stands in it: a member that must be a real file is copied to a
temporary one of our own name, and no more bytes than it declares.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from ...errors import ModelError, OutputError
from ..files import ZipMembers, check_members, is_plain, member_name, not_allowed, open_plain, suspicious, zip_members

MAX_MEMBERS = 100_000
MAX_TOTAL_BYTES = 64 * 1024**3
# Weights hardly compress and JSON gains a factor of ten or twenty; a bomb gains hundreds.
MAX_RATIO = 200
_RATIO_COUNTS_FROM = 16 * 1024**2
# A results folder lies at most this deep below what a user chooses.
_MAX_DEPTH = 8
_CHUNK = 1 << 20
# What reading a file of a folder or a damaged zip may raise.
_READING = (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)
_OWN_FORMATS = (".pt", ".pth", ".ckpt", ".ts", ".onnx", ".safetensors")
_GET_AGAIN = "Copy or download the source again, and choose its folder or its .zip."


class SourceFiles(Protocol):
    """Read access by names such as ``fold_0/checkpoint_final.pth``, relative to ``root``."""

    path: Path
    """What the user chose."""
    root: str
    """Folder inside it that names are relative to; empty for the whole."""

    def names(self) -> tuple[str, ...]:
        """Every file, sorted."""
        ...

    def has(self, name: str) -> bool: ...

    def open(self, name: str) -> BinaryIO: ...

    def size(self, name: str) -> int: ...

    def local(self, name: str) -> Path:
        """A file of the disk with this content; it may be gone when the source is closed."""
        ...

    def below(self, folder: str) -> SourceFiles:
        """The files of a folder, by their names below it; the same files for an empty name."""
        ...


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[SourceFiles]:
    """The files of a source.

    Raises:
        ModelError: there is nothing at ``path``, or an archive that is damaged or not safe to open.
    """
    if _is_folder(path):
        yield FolderSource(path)
    elif _is_archive(path):
        # A file may be mapped into memory still (on Windows it cannot be removed then).
        with _temporary_folder() as temporary:
            yield ZipSource(path, _checked_members(path), temporary)
    else:
        yield SingleFile(path)


def _is_folder(path: Path) -> bool:
    """Whether a source is a folder; otherwise it is an ordinary file that may be read."""
    try:
        if path.is_dir():
            with os.scandir(path) as items:
                next(items, None)
            return True
        if not path.exists():
            raise ModelError(f"There is nothing at '{path}'.", "Check the path of the model that is to be imported.")
        open_plain(path).close()
    except (OSError, ValueError) as error:
        raise not_allowed(path, error if isinstance(error, OSError) else OSError(str(error))) from error
    return False


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="unetsegment-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(
            f"No temporary folder can be made in '{tempfile.gettempdir()}'.",
            "Free some space there, or name another folder in the variable TMPDIR.",
            str(error),
        ) from error
    with folder as path:
        yield Path(path)


def read_bytes(files: SourceFiles, name: str, limit: int) -> bytes:
    """A whole small file.

    Raises:
        ModelError: it is missing, damaged, not readable or larger than ``limit`` bytes.
    """
    try:
        if files.size(name) > limit:
            raise ModelError(f"{shown(files, name)} is far too large for what it is.", _GET_AGAIN)
        with files.open(name) as file:
            content = file.read(limit + 1)
    except _READING as error:
        raise _unreadable(files, name, error) from error
    if len(content) > limit:
        raise ModelError(f"{shown(files, name)} is far too large for what it is.", _GET_AGAIN)
    return content


def shown(files: SourceFiles, name: str) -> str:
    """A file's name for messages, with the folder it lies in."""
    return name if isinstance(files, SingleFile) else f"{files.path.name}/{_joined(files.root, name)}"


class FolderSource:
    """A folder of the user's own disk. Links are followed, since nothing is ever written through them."""

    def __init__(self, path: Path, root: str = "") -> None:
        self.path = path
        self.root = root
        self._names: tuple[str, ...] | None = None

    def names(self) -> tuple[str, ...]:
        if self._names is None:
            self._names = tuple(sorted(self._walk()))
        return self._names

    def has(self, name: str) -> bool:
        return is_plain(self._folder / name)

    def open(self, name: str) -> BinaryIO:
        return open_plain(self._folder / name)

    def size(self, name: str) -> int:
        return (self._folder / name).stat().st_size

    def local(self, name: str) -> Path:
        if not self.has(name):
            raise _unreadable(self, name, None)
        _check_readable(self._folder / name)
        return self._folder / name

    def below(self, folder: str) -> FolderSource:
        return FolderSource(self.path, _joined(self.root, folder)) if folder else self

    @property
    def _folder(self) -> Path:
        return self.path / self.root

    def _walk(self) -> Iterator[str]:
        count = 0
        for folder, inner, names in os.walk(self._folder, followlinks=True):
            relative = Path(folder).relative_to(self._folder)
            if len(relative.parts) >= _MAX_DEPTH:
                inner.clear()
            for name in names:
                yield (relative / name).as_posix()
            count += len(names)
            if count > MAX_MEMBERS:
                raise ModelError(
                    f"The folder '{self.path}' holds more than {MAX_MEMBERS} files.",
                    "Choose the folder of the one model that is to be imported.",
                )


def _checked_members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by their POSIX names, checked as a whole before anything of them is read.

    Raises:
        ModelError: not a readable zip, or one with members that point elsewhere, links, encrypted or repeated members,
            too many of them, too much data, or data that no model compresses to.
    """
    members = zip_members(path, _GET_AGAIN)
    check_members(path, members, MAX_MEMBERS, MAX_TOTAL_BYTES)
    for member in members:
        large = member.file_size > _RATIO_COUNTS_FROM
        if large and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise suspicious(
                path, f"its member '{member_name(member)}' unpacks to more than {MAX_RATIO} times its size"
            )
    files = {str(PurePosixPath(member_name(m))): m for m in members if not member_name(m).endswith("/")}
    return {name: member for name, member in files.items() if not name.startswith("__MACOSX/")}


class ZipSource(ZipMembers):
    """A ``.zip`` whose members were checked; those that must be real files are copied to ``temporary``."""

    def __init__(self, path: Path, members: Mapping[str, zipfile.ZipInfo], temporary: Path, root: str = "") -> None:
        super().__init__(path, members)
        self.root = root
        self._temporary = temporary

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def local(self, name: str) -> Path:
        try:
            handle, target = tempfile.mkstemp(suffix=PurePosixPath(name).suffix, dir=self._temporary)
            with os.fdopen(handle, "wb") as copy, self.open(name) as member:
                _copy(member, copy, self.size(name), self.path, name)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise _unreadable(self, name, error) from error
        except OSError as error:
            raise OutputError(
                f"'{name}' could not be unpacked to the temporary folder '{self._temporary}'.",
                f"It needs {self.size(name) / 1e9:.1f} GB of free disk space there.",
                str(error),
            ) from error
        return Path(target)

    def below(self, folder: str) -> ZipSource:
        if not folder:
            return self
        return ZipSource(self.path, self.members_below(folder), self._temporary, _joined(self.root, folder))


class SingleFile:
    """One file that is a model by itself, such as ``model.onnx``."""

    root = ""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> tuple[str, ...]:
        return (self.path.name,)

    def has(self, name: str) -> bool:
        return name == self.path.name

    def open(self, name: str) -> BinaryIO:
        return self.local(name).open("rb")

    def size(self, name: str) -> int:
        return self.local(name).stat().st_size

    def local(self, name: str) -> Path:
        if not self.has(name):
            raise _unreadable(self, name, None)
        _check_readable(self.path)
        return self.path

    def below(self, folder: str) -> SingleFile:
        if folder:
            raise _unreadable(self, folder, None)
        return self


def _check_readable(path: Path) -> None:
    try:
        open_plain(path).close()
    except OSError as error:
        raise not_allowed(path, error) from error


def _is_archive(path: Path) -> bool:
    if path.suffix.lower() == ".zip":
        return True
    # Torch writes its files as zips too; those are known by their ending.
    return path.suffix.lower() not in _OWN_FORMATS and zipfile.is_zipfile(path)


def _copy(source: BinaryIO, target: BinaryIO, size: int, path: Path, name: str) -> None:
    written = 0
    while chunk := source.read(_CHUNK):
        written += len(chunk)
        if written > size:
            raise suspicious(path, f"its member '{name}' holds more data than it declares")
        target.write(chunk)


def _unreadable(files: SourceFiles, name: str, error: Exception | None) -> ModelError:
    if not files.has(name):
        return ModelError(f"'{files.path.name}' lacks the file {_joined(files.root, name)}.", _GET_AGAIN)
    if isinstance(error, PermissionError):
        return not_allowed(files.path / _joined(files.root, name), error)
    return ModelError(f"{shown(files, name)} cannot be read.", _GET_AGAIN, str(error))


def _joined(root: str, name: str) -> str:
    return f"{root}/{name}" if root else name
