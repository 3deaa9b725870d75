"""The files of a package, whether they lie in a folder or in a ``.zip``; nothing is ever extracted to the disk."""

from __future__ import annotations

import errno
import hashlib
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from ..errors import ModelError

CARD = "model.json"

# Far above any real package, low enough to refuse a bomb before reading it.
MAX_MEMBERS = 1000
MAX_TOTAL_BYTES = 16 * 1024**3
MAX_CARD_BYTES = 16 * 1024**2

_GET_AGAIN = "Copy or download the model again from its source."
# What reading a file of a folder or a damaged zip may raise.
_READING = (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


class PackageFiles(Protocol):
    """Read access to the files of one package by their plain names."""

    path: Path

    def has(self, name: str) -> bool: ...

    def open(self, name: str) -> BinaryIO: ...

    def size(self, name: str) -> int: ...

    def below(self, folder: str) -> PackageFiles:
        """The files of a folder inside this package, by their names below it."""
        ...


class FolderFiles:
    """A package that is a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        return is_plain(self.path / name)

    def open(self, name: str) -> BinaryIO:
        return open_plain(self.path / name)

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def below(self, folder: str) -> FolderFiles:
        return FolderFiles(self.path / folder)


def is_plain(path: Path) -> bool:
    """Whether there is an ordinary file at ``path``, or a link to one.

    Raises:
        ModelError: the folder around it may not be looked into.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise not_allowed(path, error) from error


def open_plain(path: Path) -> BinaryIO:
    """Opens an ordinary file: what is none (a pipe, a device) would never end.

    Raises:
        ModelError: it is no ordinary file.
        OSError: it is missing or may not be read.
    """
    if path.exists() and not path.is_file():
        raise ModelError(f"'{path}' is no ordinary file (a folder, pipe or device).", _GET_AGAIN)
    return path.open("rb")


def not_allowed(path: Path, error: OSError) -> ModelError:
    """The system's refusal to let a model be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return ModelError(
            f"You may not read '{path}': its permissions, or those of a folder above it, do not allow it.",
            "Ask its owner, or whoever looks after this computer, to let you read the model's folder and all that is "
            "in it (on Linux and macOS: chmod -R a+rX FOLDER).",
            str(error),
        )
    return ModelError(f"'{path}' cannot be read.", "Check the path and the disk.", str(error))


def zip_members(path: Path, cure: str) -> list[zipfile.ZipInfo]:
    """What a zip file holds, by its directory alone; nothing of it is checked.

    Raises:
        ModelError: it is no readable zip file, or may not be read.
    """
    try:
        if not is_plain(path):
            raise ModelError(f"'{path}' is no ordinary file (a pipe or device).", cure)
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except PermissionError as error:
        raise not_allowed(path, error) from error
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise ModelError(f"'{path.name}' is not a readable zip file.", cure, str(error)) from error


class ZipMembers:
    """Read access to the members of a zip file, under the names that ``members`` gives them."""

    def __init__(self, path: Path, members: Mapping[str, zipfile.ZipInfo]) -> None:
        self.path = path
        self._members = members

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> BinaryIO:
        # The archive closes when the member does: zipfile keeps the file open as long as a member refers to it.
        with zipfile.ZipFile(self.path) as archive:
            return archive.open(self._members[name])  # type: ignore[return-value]

    def size(self, name: str) -> int:
        return self._members[name].file_size

    def members_below(self, folder: str) -> dict[str, zipfile.ZipInfo]:
        """The members in a folder, by their names below it."""
        prefix = f"{folder}/"
        return {n.removeprefix(prefix): m for n, m in self._members.items() if n.startswith(prefix)}


class ZipFiles(ZipMembers):
    """A package that is a ``.zip``: see :func:`package_files`."""

    def below(self, folder: str) -> ZipFiles:
        return ZipFiles(self.path, self.members_below(folder))


def package_files(path: Path) -> PackageFiles:
    """The files of the package at ``path``: a folder, or a zip file with them at the top or all in one folder.

    Raises:
        ModelError: not a zip file, or one with members that point elsewhere, links, encrypted members or too much data.
    """
    if path.is_dir():
        return FolderFiles(path)
    members = zip_members(path, _GET_AGAIN)
    check_members(path, members)
    return ZipFiles(path, _by_plain_name(members))


def read_file(files: PackageFiles, name: str, limit: int | None = None) -> bytes:
    """A whole file.

    Raises:
        ModelError: it is missing, damaged, not readable, or larger than ``limit`` bytes.
    """
    try:
        if limit is not None and files.size(name) > limit:
            raise ModelError(f"{name} in '{files.path.name}' is far too large for what it is.", _GET_AGAIN)
        with files.open(name) as file:
            return file.read()
    except _READING as error:
        raise _unreadable(files, name, error) from error


def read_start(files: PackageFiles, name: str, count: int) -> bytes:
    """The first ``count`` bytes of a file.

    Raises:
        ModelError: it is missing, damaged or not readable.
    """
    try:
        with files.open(name) as file:
            return file.read(count)
    except _READING as error:
        raise _unreadable(files, name, error) from error


def sha256(files: PackageFiles, name: str) -> str:
    """Hexadecimal SHA-256 of one file.

    Raises:
        ModelError: it is missing, damaged or not readable.
    """
    try:
        with files.open(name) as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
            return digest.hexdigest()
    except _READING as error:
        raise _unreadable(files, name, error) from error


def _unreadable(files: PackageFiles, name: str, error: Exception) -> ModelError:
    if not files.has(name):
        return ModelError(f"The model '{files.path.name}' lacks the file {name}.", _GET_AGAIN)
    if isinstance(error, PermissionError):
        return not_allowed(files.path / name, error)
    return ModelError(f"{name} in '{files.path.name}' cannot be read.", _GET_AGAIN, str(error))


def check_members(
    path: Path, members: list[zipfile.ZipInfo], most: int | None = None, most_bytes: int | None = None
) -> None:
    """Refuses an archive that no honest program has written.

    Args:
        most, most_bytes: members and unpacked bytes, in place of a package's ``MAX_MEMBERS`` and ``MAX_TOTAL_BYTES``.

    Raises:
        ModelError: too many members, too much data, members that point elsewhere or are named twice, links, encryption.
    """
    most, most_bytes = most or MAX_MEMBERS, most_bytes or MAX_TOTAL_BYTES
    if len(members) > most:
        raise suspicious(path, f"it has {len(members)} members, {most} at most are allowed")
    total = sum(member.file_size for member in members)
    if total > most_bytes:
        raise suspicious(path, f"it unpacks to {total / 1e9:.1f} GB, {most_bytes / 1e9:.0f} at most are allowed")
    seen: set[str] = set()
    for member in members:
        name = member_name(member)
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ":" in name or ".." in parts or "\0" in name:
            raise suspicious(path, f"its member '{name}' points outside the package")
        mode = member.external_attr >> 16
        if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
            raise suspicious(path, f"its member '{name}' is a link or a special file")
        if member.flag_bits & 1:
            raise suspicious(path, f"its member '{name}' is encrypted")
        if name in seen:
            raise suspicious(path, f"it has two members named '{name}'")
        seen.add(name)


def member_name(member: zipfile.ZipInfo) -> str:
    """A member's name with slashes: some programs of Windows write backslashes, which the zip format does not know."""
    return member.filename.replace("\\", "/")


def _by_plain_name(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Files by their name inside the package: below the folder that holds the card, or at the top."""
    files = {PurePosixPath(member_name(m)): m for m in members if not member_name(m).endswith("/")}
    # Archives made on a Mac carry a shadow tree of resource forks.
    files = {name: m for name, m in files.items() if name.parts[0] != "__MACOSX"}
    tops = {name.parts[0] for name in files if len(name.parts) > 1}
    root = PurePosixPath()
    if PurePosixPath(CARD) not in files and len(tops) == 1:
        root = PurePosixPath(tops.pop())
    return {str(name.relative_to(root)): m for name, m in files.items() if name.is_relative_to(root)}


def suspicious(path: Path, why: str) -> ModelError:
    """The refusal of an archive."""
    return ModelError(
        f"The archive '{path.name}' is not safe to open: {why}.",
        "Get the model from a source that you trust, or ask its author for a clean package.",
    )
