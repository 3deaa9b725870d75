"""Models on this computer that a far worker is to run: known by a digest, and sent file by file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import ModelError
from ...models.files import CARD, MAX_CARD_BYTES, PackageFiles, read_file
from ...models.opening import open_package
from ...models.package import locate_package, package_members

MODEL_PREFIX = "far-model:"
"""How a request names a model that the two ends have spoken about; its digest and name follow, a colon between."""
MODEL_FILE = "model/"
"""How the token of a model's file begins; its name follows."""


@dataclass(frozen=True, eq=False)
class LocalPackage:
    """A package.

    Args:
        name: of the model.
        digest: SHA-256 of its card, which holds the digests of its files: hexadecimal.
        files: its files by name, the card first: how to open each, and its bytes.
    """

    name: str
    digest: str
    files: dict[str, tuple[Callable[[], BinaryIO], int]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files.values())


def local_package(model: str) -> LocalPackage | None:
    """The package of a model's name or path; None for a name that is not known here, but may be on the host.

    Raises:
        ModelError: a path at which there is no package, or a broken one.
    """
    try:
        path = locate_package(model, None)
    except ModelError:
        return None
    card, files = open_package(path)
    text = read_file(files, CARD, MAX_CARD_BYTES)
    found: dict[str, tuple[Callable[[], BinaryIO], int]] = {CARD: (lambda: io.BytesIO(text), len(text))}
    for name in package_members(card, files):
        found[name] = _member(files, name)
    return LocalPackage(card.name, card_digest(text), found)


def card_digest(text: bytes) -> str:
    """What a package is known by: the digest of its card."""
    return hashlib.sha256(text).hexdigest()


def digest_at(path: Path) -> str | None:
    """The digest of the package at a path; None where there is none."""
    try:
        return card_digest(read_file(open_package(path)[1], CARD, MAX_CARD_BYTES))
    except ModelError:
        return None


def _member(files: PackageFiles, name: str) -> tuple[Callable[[], BinaryIO], int]:
    if not files.has(name):
        raise ModelError(f"The model at '{files.path}' lacks the file {name}.", "Copy or download the model again.")
    return lambda: files.open(name), files.size(name)
