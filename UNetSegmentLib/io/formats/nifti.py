"""NIfTI-1, NIfTI-2 and Analyze headers: single files and pairs, packed or not whatever their names say."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..plain_files import open_plain
from .data_files import data_file
from .nifti_place import Place, place_of
from .samples import GZIP, RAW, Source, cut_short
from .stored import StoredImage, check_sizes, damaged

_NIFTI1, _NIFTI2 = 348, 540
_PAIRS = ((".hdr", ".img"), (".img", ".hdr"))
_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    128: "u1",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
    2304: "u1",
    16384: "f2",
}
_COMPLEX = {32, 1792, 2048}
_COLOURS = {128: 3, 2304: 4}
# Numbers that ITK reads as they are; scaling by one of these does nothing.
_UNSCALED = ((0.0, 0.0), (1.0, 0.0))


@dataclass(frozen=True)
class _Fields:
    """What both versions of the header say."""

    order: str
    sizes: tuple[int, ...]
    code: int
    offset: float
    scale: tuple[float, float]
    place: Place
    single: bool
    version: int


def is_nifti(head: bytes) -> bool:
    """Whether a file's first bytes (unpacked) are a NIfTI or Analyze header."""
    if len(head) < 4:
        return False
    sizes = {int.from_bytes(head[:4], order) for order in ("little", "big")}  # type: ignore[arg-type]
    if _NIFTI2 in sizes:
        return head[4:7] in (b"n+2", b"ni2")
    return _NIFTI1 in sizes


def pair_of(path: Path) -> tuple[Path, Path] | None:
    """Header and data file where ``path`` is either half of a pair (``.hdr`` and ``.img``, perhaps ``.gz``)."""
    name = path.name
    packed = ".gz" if name.lower().endswith(".gz") else ""
    base = name[: len(name) - len(packed)]
    ending = Path(base).suffix
    for mine, other in _PAIRS:
        if ending.lower() != mine:
            continue
        twin = other.upper() if ending.isupper() else other
        names = [base[: -len(ending)] + twin + gz for gz in dict.fromkeys((packed, "", ".gz"))]
        found = next((n for n in names if (path.parent / n).exists()), names[0])
        partner = path.parent / found
        return (path, partner) if mine == ".hdr" else (partner, path)
    return None


def read_header(path: Path) -> StoredImage:
    """The header of a NIfTI file, or of the pair that ``path`` is half of.

    Raises:
        InputError: no NIfTI, cut short, damaged, complex numbers, the other half of the pair is missing.
        GeometryError: spacing that is zero or no number, axes that are not perpendicular.
    """
    pair = pair_of(path)
    header = pair[0] if pair else path
    if not header.exists():
        raise InputError(
            f"'{path.name}' is one half of a pair: its header '{header.name}' is not beside it.",
            f"Copy '{header.name}' into the folder of '{path.name}'.",
        )
    fields = _parse(_head(header), path)
    packed = None if fields.single or pair is None else data_file(header, pair[1].name)
    content = packed or header
    sizes, component = _axes(fields, path)
    if fields.code in _COMPLEX:
        raise InputError(f"'{path.name}' holds complex numbers.", "Save its magnitude as an image of its own.")
    if fields.code not in _TYPES:
        raise InputError(
            f"'{path.name}' holds numbers of a kind that is not read (NIfTI type {fields.code}).",
            "Save it as whole or real numbers of 8 to 64 bits.",
        )
    spatial = tuple(n for n in range(len(sizes)) if n != component)[:3]
    grid_sizes = [sizes[n] for n in spatial] + [1] * (3 - len(spatial))
    geometry, notes = place_of(fields.place, grid_sizes, path)
    source = Source((content,), GZIP if _is_gzip(content) else RAW, _offset(fields, path))
    dtype = np.dtype(fields.order + _TYPES[fields.code])
    scale = None if fields.code in _COLOURS else _scale(fields.scale)
    return StoredImage(path, sizes, spatial, component, dtype, source, geometry, scale, notes=notes, zero_for_nan=True)


def _head(path: Path) -> bytes:
    try:
        with open_plain(path) as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return gzip.GzipFile(fileobj=file).read(_NIFTI2) if packed else file.read(_NIFTI2)
    except (OSError, EOFError, zlib.error) as error:
        raise cut_short(path, str(error)) from error


def _is_gzip(path: Path) -> bool:
    with open_plain(path) as file:
        return file.read(2) == b"\x1f\x8b"


def _parse(data: bytes, path: Path) -> _Fields:
    if not is_nifti(data):
        raise InputError(f"'{path.name}' is not a NIfTI file.", "Check that the file was not renamed or damaged.")
    order = "<" if int.from_bytes(data[:4], "little") in (_NIFTI1, _NIFTI2) else ">"
    second = int.from_bytes(data[:4], "little" if order == "<" else "big") == _NIFTI2
    if len(data) < (_NIFTI2 if second else _NIFTI1):
        raise cut_short(path, f"a header of {len(data)} bytes")
    return _second(data, order, path) if second else _first(data, order, path)


def _first(data: bytes, order: str, path: Path) -> _Fields:
    def get(kind: str, at: int) -> tuple:
        return struct.unpack_from(order + kind, data, at)

    nifti = data[344:348] in (b"n+1\0", b"ni1\0")
    dims, pixdim = get("8h", 40), get("8f", 76)
    place = Place(
        pixdim,
        get("h", 252)[0] if nifti else 0,
        get("h", 254)[0] if nifti else 0,
        get("6f", 256),
        get("12f", 280),
        data[123] & 7 if nifti else 0,
    )
    # What Analyze has in these places is another program's affair.
    scale = get("2f", 112) if nifti else (1.0, 0.0)
    single = data[344:347] == b"n+1"
    return _Fields(order, _dims(dims, path), get("h", 70)[0], get("f", 108)[0], scale, place, single, 1)


def _second(data: bytes, order: str, path: Path) -> _Fields:
    def get(kind: str, at: int) -> tuple:
        return struct.unpack_from(order + kind, data, at)

    place = Place(
        get("8d", 104), get("i", 344)[0], get("i", 348)[0], get("6d", 352), get("12d", 400), get("i", 500)[0] & 7
    )
    dims, scale = _dims(get("8q", 16), path), get("2d", 176)
    return _Fields(order, dims, get("h", 12)[0], get("q", 168)[0], scale, place, data[4:7] == b"n+2", 2)


def _dims(dims: Sequence[int], path: Path) -> tuple[int, ...]:
    rank = dims[0]
    if not 1 <= rank <= 7:
        raise damaged(path, f"{rank} dimensions")
    sizes = list(dims[1 : rank + 1])
    while len(sizes) > 4 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) == 1:
        raise InputError(f"'{path.name}' has one axis; an image has two or three.", "Choose another file.")
    check_sizes(sizes, path)
    return tuple(sizes)


def _axes(fields: _Fields, path: Path) -> tuple[tuple[int, ...], int | None]:
    """Sizes of the axes as stored, and which of them counts components."""
    if fields.code in _COLOURS:
        return (_COLOURS[fields.code], *fields.sizes), 0
    if len(fields.sizes) == 5 and fields.sizes[3] == 1:
        return fields.sizes, 4
    return fields.sizes, None


def _offset(fields: _Fields, path: Path) -> int:
    if not math.isfinite(fields.offset) or not 0 <= fields.offset < 2**48:
        raise damaged(path, f"vox_offset {fields.offset}")
    least = 0 if not fields.single else (_NIFTI1 if fields.version == 1 else _NIFTI2) + 4
    return max(int(fields.offset), least)


def _scale(scale: tuple[float, float]) -> tuple[float, float] | None:
    slope, intercept = scale
    if not math.isfinite(slope) or slope == 0:
        return None
    intercept = intercept if math.isfinite(intercept) else 0.0
    return None if (slope, intercept) in _UNSCALED else (slope, intercept)
