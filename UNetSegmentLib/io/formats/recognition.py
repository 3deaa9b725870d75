"""Which of the volume formats a file is of, by its content rather than by its name."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ..atomic import full_suffix
from ..plain_files import open_plain
from . import meta, nifti, nrrd
from .stored import StoredImage

_GZIP = b"\x1f\x8b"
_HEAD = 560
_NIFTI = (".nii", ".nii.gz")
_NRRD = (".nrrd", ".nhdr", ".seg.nrrd", ".seg.nhdr")
_META = (".mha", ".mhd")


def read_header(path: Path) -> StoredImage | None:
    """The header of a NIfTI, NRRD or MetaImage file; None for a file of another format.

    Raises:
        InputError: it is of that format by its content or name, but broken.
        GeometryError: its axes are no grid.
    """
    head, suffix = _head(path), full_suffix(path)
    if head.startswith(nrrd.MAGIC):
        return nrrd.read_header(path)
    if meta.looks_like_meta(head):
        return meta.read_header(path)
    if suffix in _NIFTI or (nifti.is_nifti(head) and suffix != ".img"):
        return nifti.read_header(path)
    if _is_half_of_pair(path):
        return nifti.read_header(path)
    if suffix in _META:
        return meta.read_header(path)
    return nrrd.read_header(path) if suffix in _NRRD else None


def _is_half_of_pair(path: Path) -> bool:
    pair = nifti.pair_of(path)
    return pair is not None and pair[0].is_file() and nifti.is_nifti(_head(pair[0]))


def _head(path: Path) -> bytes:
    """The first bytes, unpacked where they are packed."""
    with open_plain(path) as file:
        head = file.read(_HEAD)
        if not head.startswith(_GZIP):
            return head
        file.seek(0)
        try:
            return gzip.GzipFile(fileobj=file).read(_HEAD)
        except (OSError, EOFError, zlib.error):
            return b""
