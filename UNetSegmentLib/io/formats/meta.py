"""MetaImage headers: ``.mha`` (voxels behind the header) and ``.mhd`` (voxels in files of their own)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...geometry import Geometry
from ..plain_files import open_plain
from . import samples
from .data_files import data_file, numbered_files
from .grids import flat_axes, grid
from .stored import StoredImage, check_sizes, damaged

_LONGEST_HEADER = 1 << 20
_LINE = re.compile(r"\s*([A-Za-z_][\w .-]*?)\s*[=:]\s*(.*?)\s*")
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
_ORIGINS = ("Offset", "Position", "Origin")


def looks_like_meta(head: bytes) -> bool:
    """Whether a file's first bytes are a MetaImage's."""
    return head.lstrip()[:10] in (b"ObjectType", b"ObjectSubT") or head.lstrip()[:5] == b"NDims"


def read_header(path: Path) -> StoredImage:
    """The header of a MetaImage.

    Raises:
        InputError: no MetaImage, damaged, data files elsewhere or missing.
        GeometryError: axes that are no grid.
    """
    fields, listed, end = _lines(path)
    if fields.get("ObjectType", "Image") != "Image":
        raise InputError(f"'{path.name}' holds no image but a '{fields['ObjectType'][:40]}'.", "Choose an image.")
    try:
        axes = int(fields["NDims"])
        sizes = tuple(int(word) for word in fields["DimSize"].split())
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        kind = _TYPES[fields["ElementType"].removesuffix("_ARRAY")]
        skip = int(fields.get("HeaderSize", "0"))
    except (KeyError, ValueError) as error:
        raise damaged(path, repr(error)) from error
    if len(sizes) != axes or not 1 <= channels < 1 << 16 or not -1 <= skip < 1 << 48:
        raise damaged(path, f"NDims {axes}, DimSize {fields['DimSize'][:100]}, {channels} channels, HeaderSize {skip}")
    check_sizes(sizes, path)
    many = channels > 1
    stored = (channels, *sizes) if many else sizes
    spatial = tuple(n + many for n in range(min(axes, 3)))
    swapped = _yes(fields, "BinaryDataByteOrderMSB") or _yes(fields, "ElementByteOrderMSB")
    dtype = np.dtype((">" if swapped else "<") + kind)
    source = _source(fields, listed, end, path, skip)
    return StoredImage(path, stored, spatial, 0 if many else None, dtype, source, _grid(fields, sizes, path))


def _grid(fields: Mapping[str, str], sizes: tuple[int, ...], path: Path) -> Geometry:
    axes = len(sizes)
    space = min(axes, 3)
    spacing = _numbers(fields, ("ElementSpacing", "ElementSize"), axes, path) or [1.0] * axes
    origin = _numbers(fields, _ORIGINS, axes, path) or [0.0] * axes
    turn = _numbers(fields, _DIRECTIONS, axes * axes, path)
    # MetaIO writes the direction of one axis after the other, so its rows are our columns.
    direction = np.eye(axes) if turn is None else np.array(turn).reshape(axes, axes).T
    # What is no positive spacing is named by the grid.
    steps = [value if value > 0 else 0.0 for value in spacing]
    with np.errstate(invalid="ignore"):
        columns = (direction * steps)[:space, :space]
    if space == 2:
        columns = flat_axes(columns)
    return grid(path, [*sizes[:space], 1][:3], columns, [*origin[:space], 0.0][:3])


def _numbers(fields: Mapping[str, str], names: tuple[str, ...], count: int, path: Path) -> list[float] | None:
    text = next((fields[name] for name in names if name in fields), None)
    if text is None:
        return None
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if len(numbers) != count:
        raise damaged(path, f"{len(numbers)} of {count} numbers in {names[0]}")
    return numbers


def _yes(fields: Mapping[str, str], name: str, default: bool = False) -> bool:
    text = fields.get(name)
    return default if text is None else text[:1] in ("T", "t", "1")


def _source(fields: Mapping[str, str], listed: list[str], end: int, path: Path, skip: int) -> samples.Source:
    if not _yes(fields, "BinaryData", default=True):
        encoding = samples.TEXT
    else:
        encoding = samples.ZLIB if _yes(fields, "CompressedData") else samples.RAW
    named = fields["ElementDataFile"]
    if named.upper() == "LOCAL":
        return samples.Source((path,), encoding, -1 if skip < 0 else skip, 0 if skip < 0 else end)
    words = named.split()
    if words and words[0] == "LIST":
        files = tuple(data_file(path, name.strip()) for name in listed if name.strip())
    elif "%" in named and len(words) >= 3:
        try:
            first, last, step = (*(int(word) for word in words[1:4]), 1)[:3]
        except ValueError as error:
            raise damaged(path, named[:100]) from error
        files = numbered_files(path, words[0], first, last, step)
    else:
        files = (data_file(path, named),)
    if not files:
        raise damaged(path, "an empty list of data files")
    return samples.Source(files, encoding, skip)


def _lines(path: Path) -> tuple[dict[str, str], list[str], int]:
    """Fields, the lines that follow a list of data files, and how many lines the header has."""
    fields: dict[str, str] = {}
    with open_plain(path) as file:
        number = 0
        while line := file.readline(_LONGEST_HEADER):
            number += 1
            if file.tell() > _LONGEST_HEADER:
                raise damaged(path, f"longer than {_LONGEST_HEADER} bytes")
            text = line.decode("utf-8", "surrogateescape")
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            match = _LINE.fullmatch(text)
            if match is None or "\0" in text:
                raise damaged(path, f"line {number}: {text[:100]!r}")
            fields[match[1]] = match[2]
            if match[1] == "ElementDataFile":
                rest = file.read(_LONGEST_HEADER) if match[2].startswith("LIST") else b""
                return fields, rest.decode("utf-8", "surrogateescape").splitlines(), number
    raise damaged(path, "no ElementDataFile")
