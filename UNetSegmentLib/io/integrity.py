"""Checks that ITK leaves out: files cut short that it would fill with whatever memory held, and zero spacing in NIfTI.

Each check reads a header and compares sizes; only a compressed file of unusual make is read through.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import GeometryError, InputError
from .atomic import full_suffix

_NIFTI1_HEADER = 348
_NIFTI2_HEADER = 540
_CHUNK = 1 << 22
_META_BYTES = {
    "MET_UCHAR": 1,
    "MET_CHAR": 1,
    "MET_USHORT": 2,
    "MET_SHORT": 2,
    "MET_UINT": 4,
    "MET_INT": 4,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}


@dataclass(frozen=True)
class _NiftiHeader:
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    bits: int
    offset: int
    same_file: bool

    @property
    def file_bytes(self) -> int:
        voxels = int(np.prod([max(n, 1) for n in self.shape], dtype=np.int64))
        return self.offset + voxels * self.bits // 8


def check_integrity(path: Path) -> None:
    """Refuses files that are shorter than their header promises.

    Raises:
        InputError: empty or cut short.
        GeometryError: a NIfTI file with spacing zero (which ITK would quietly read as 1 mm).
    """
    if path.stat().st_size == 0:
        raise InputError(f"'{path.name}' is empty (0 bytes).", "Copy or export it again.")
    suffix = full_suffix(path)
    if suffix in (".nii", ".nii.gz"):
        _check_nifti(path)
    elif suffix in (".jpg", ".jpeg"):
        _check_jpeg(path)
    elif suffix == ".mha":
        _check_meta(path)


def _check_nifti(path: Path) -> None:
    compressed = _is_gzip(path)
    header = _nifti_header(path, compressed)
    if header is None:
        raise InputError(f"'{path.name}' is not a NIfTI file.", "Check that the file was not renamed or damaged.")
    if any(not np.isfinite(s) or s == 0 for s in header.spacing):
        raise GeometryError(
            f"The voxel spacing of '{path.name}' is zero or no number.",
            "Correct the spacing in the file's header, for example with Slicer's Volumes module, and try again.",
        )
    if not header.same_file:
        return
    size = _uncompressed_size(path, header.file_bytes) if compressed else path.stat().st_size
    if size < header.file_bytes:
        raise _cut_short(path, f"{size} of {header.file_bytes} bytes")


def _nifti_header(path: Path, compressed: bool) -> _NiftiHeader | None:
    """The few header fields that matter here, of NIfTI-1 or NIfTI-2 in either byte order; None when it is neither."""
    try:
        with gzip.open(path, "rb") if compressed else path.open("rb") as file:
            data = file.read(_NIFTI2_HEADER)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _cut_short(path, str(error)) from error
    if len(data) < _NIFTI1_HEADER:
        return None
    for order in "<>":
        kind = struct.unpack_from(order + "i", data)[0]
        if kind == _NIFTI1_HEADER:
            dims, zooms = struct.unpack_from(order + "8h", data, 40), struct.unpack_from(order + "8f", data, 76)
            bits, offset = struct.unpack_from(order + "h", data, 72)[0], struct.unpack_from(order + "f", data, 108)[0]
            magic = data[344:347]
        elif kind == _NIFTI2_HEADER and len(data) >= _NIFTI2_HEADER:
            dims, zooms = struct.unpack_from(order + "8q", data, 16), struct.unpack_from(order + "8d", data, 104)
            bits, offset = struct.unpack_from(order + "h", data, 14)[0], struct.unpack_from(order + "q", data, 168)[0]
            magic = data[4:7]
        else:
            continue
        rank = dims[0]
        if not 1 <= rank <= 7:
            return None
        spatial = min(rank, 3)
        same_file = magic in (b"n+1", b"n+2")
        return _NiftiHeader(dims[1 : rank + 1], zooms[1 : spatial + 1], bits, max(int(offset), 0), same_file)
    return None


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _uncompressed_size(path: Path, expected: int) -> int:
    """Bytes in a gzip file: from its last four bytes where they confirm ``expected``, else by reading it through."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        if struct.unpack("<I", file.read(4))[0] == expected % 2**32:
            return expected
    total = 0
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                total += len(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _cut_short(path, str(error)) from error
    return total


def _check_jpeg(path: Path) -> None:
    """A JPEG ends with the marker FF D9; decoders grey out what is missing before it."""
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(max(path.stat().st_size - 1024, 0))
        end = file.read()
    if start == b"\xff\xd8" and b"\xff\xd9" not in end:
        raise _cut_short(path, "no end marker")


def _check_meta(path: Path) -> None:
    """A MetaImage holds as many bytes after its header as its size and type say, or as its compressed size says.

    ITK refuses it too, but only after printing a warning of its own that nothing can silence.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    text, found, _ = head.partition(b"ElementDataFile = LOCAL\n")
    fields = dict(line.split(" = ", 1) for line in text.decode("latin-1").splitlines() if " = " in line)
    try:
        if fields.get("CompressedData", "False").strip() == "True":
            content = int(fields["CompressedDataSize"])
        else:
            shape = [int(n) for n in fields["DimSize"].split()]
            channels = int(fields.get("ElementNumberOfChannels", "1"))
            content = math.prod(shape) * channels * _META_BYTES[fields["ElementType"].strip()]
    except (KeyError, ValueError):
        return  # an unusual header: ITK's own judgement stands
    expected = len(text) + len(found) + content
    if found and path.stat().st_size < expected:
        raise _cut_short(path, f"{path.stat().st_size} of {expected} bytes")


def _cut_short(path: Path, detail: str) -> InputError:
    return InputError(
        f"'{path.name}' is cut short: it holds less data than its header says.",
        "Copy or export the file again, and check that its size is the same as the original's.",
        detail,
    )
