"""Is a file what it should be: its size, its digests, and what an earlier download of it was."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from ...errors import ModelError
from ...progress import CancelToken
from .entries import RemoteFile
from .trust import trust, trusted

_CHUNK = 1 << 20
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def check_size(file: RemoteFile, size: int) -> None:
    """Refuses a length that is not the catalogue's, before or after the bytes came.

    Raises:
        ModelError: it differs.
    """
    if file.bytes is not None and size != file.bytes:
        raise ModelError(
            f"{file.name} has {size} bytes where the catalogue says {file.bytes}.",
            "Its author has probably replaced it. Update UNetSegment; or, if you trust the file, download it yourself "
            "and install it with --file.",
        )


def verify(file: RemoteFile, path: Path, folder: Path, accept_changed: bool, cancel: CancelToken | None) -> None:
    """Checks a downloaded file as far as anything is known about it; records its digest where nothing is.

    Args:
        file: what it should be.
        path: what came.
        folder: the cache, which holds the records.
        accept_changed: take a file that differs from the recorded one, and record it.
        cancel: looked at while digesting.

    Raises:
        ModelError: it is something else.
    """
    size = path.stat().st_size
    check_size(file, size)
    digests = _digests(path, [name for name in ("sha256", "sha1", "md5") if getattr(file, name)] or ["sha256"], cancel)
    for name, digest in digests.items():
        expected = getattr(file, name)
        if expected is not None and digest != expected:
            raise ModelError(
                f"{file.name} is damaged or was altered: its {name.upper()} digest is not the catalogue's.",
                "Start again; if it stays so, a proxy may change files, or the author has replaced this one: update "
                "UNetSegment.",
                f"found {digest}, expected {expected}",
            )
    if file.has_digest:
        return
    known = trusted(folder, file.address)
    if known is None or (accept_changed and known.sha256 != digests["sha256"]):
        trust(folder, file.address, size, digests["sha256"])
    elif known.sha256 != digests["sha256"]:
        raise ModelError(
            f"{file.name} is not the file that was downloaded on {known.date}: its SHA-256 digest differs.",
            "Start again; if it stays so and the author has announced a new version, accept it with --accept-changed.",
            f"found {digests['sha256']}, recorded {known.sha256}",
        )


def verify_local(file: RemoteFile, path: Path, cancel: CancelToken | None) -> None:
    """Checks a file that the user brought: only against digests of the catalogue; a size that differs is the user's
    own decision.

    Raises:
        ModelError: it contradicts a digest, or cannot be read.
    """
    names = [name for name in ("sha256", "sha1", "md5") if getattr(file, name)]
    for name, digest in _digests(path, names, cancel).items():
        if digest != getattr(file, name):
            raise ModelError(
                f"'{path.name}' is not the file that the catalogue means: its {name.upper()} digest differs.",
                f"Download {file.address} again; or import the file as a model of its own with 'unetsegment import'.",
            )


def check_archive(file: RemoteFile, path: Path) -> None:
    """Refuses what is no whole zip archive, before its digest is recorded as the one to trust.

    Raises:
        ModelError: it has no table of contents.
    """
    if not zipfile.is_zipfile(path):
        raise ModelError(
            f"{file.name} came damaged or cut short: it has no table of contents.",
            "Start again; if it stays so, the file is broken at its source.",
        )


def looks_like_zip(start: bytes) -> bool:
    """Whether these first bytes are a zip archive's."""
    return start[:4] in _ZIP_STARTS


def looks_like_page(start: bytes, content_type: str) -> bool:
    """Whether these first bytes are a web page's."""
    text = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "text/html" in content_type.lower() or text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def _digests(path: Path, names: list[str], cancel: CancelToken | None) -> dict[str, str]:
    # SHA-1 and MD5 are no protection against an attacker, only against damage; they are used where a source publishes
    # nothing better.
    running = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    try:
        with path.open("rb") as file:
            while running and (chunk := file.read(_CHUNK)):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                for digest in running.values():
                    digest.update(chunk)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read.", "Check the path and its permissions.", str(error)) from error
    return {name: digest.hexdigest() for name, digest in running.items()}
