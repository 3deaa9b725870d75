"""NRRD headers, attached (``.nrrd``) and detached (``.nhdr``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..plain_files import open_plain
from . import samples
from .data_files import data_file, numbered_files
from .nrrd_axes import axes_of, grid_of
from .stored import StoredImage, check_sizes, damaged

MAGIC = b"NRRD0"
# Slicer writes ten lines a segment; a header of this size holds hundreds of thousands.
_LONGEST_HEADER = 1 << 25
_FIELDS = {
    *("content", "number", "type", "block size", "dimension", "space", "space dimension", "sizes", "spacings"),
    *("thicknesses", "axis mins", "axis maxs", "space directions", "centers", "kinds", "labels", "units"),
    *("space units", "space origin", "measurement frame", "min", "max", "old min", "old max", "endian", "encoding"),
    *("line skip", "byte skip", "sample units", "data file"),
}
_OTHER_NAMES = {
    "axismins": "axis mins",
    "axismaxs": "axis maxs",
    "centerings": "centers",
    "blocksize": "block size",
    "spaceunits": "space units",
    "spaceorigin": "space origin",
    "spacedirections": "space directions",
    "measurementframe": "measurement frame",
    "oldmin": "old min",
    "oldmax": "old max",
    "lineskip": "line skip",
    "byteskip": "byte skip",
    "sampleunits": "sample units",
    "datafile": "data file",
}
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: dtype for dtype, names in _TYPES.items() for name in names}
_ENCODINGS = {
    **dict.fromkeys(("raw",), samples.RAW),
    **dict.fromkeys(("gz", "gzip"), samples.GZIP),
    **dict.fromkeys(("bz2", "bzip2"), samples.BZIP2),
    **dict.fromkeys(("txt", "text", "ascii"), samples.TEXT),
    **dict.fromkeys(("hex",), samples.HEX),
}
_ESCAPE = re.compile(r"\\([n\\])")


@dataclass
class _Header:
    """The lines of a header as they are met."""

    fields: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    end: int = 0


def read_header(path: Path) -> StoredImage:
    """The header of an NRRD file.

    Raises:
        InputError: no NRRD, damaged, data files elsewhere or missing, more than one axis of components.
        GeometryError: axes that are no grid.
    """
    header = _lines(path)
    fields = header.fields
    try:
        sizes = tuple(int(word) for word in fields["sizes"].split())
        dimension = int(fields["dimension"])
        kind = fields["type"].lower()
        encoding = _ENCODINGS[fields["encoding"].lower()]
        lines, skip = int(fields.get("line skip", "0")), int(fields.get("byte skip", "0"))
    except (KeyError, ValueError) as error:
        raise damaged(path, repr(error)) from error
    if len(sizes) != dimension or kind not in _DTYPES or not 0 <= lines < 1 << 20 or not -1 <= skip < 1 << 48:
        raise damaged(path, f"{dimension} axes, sizes {fields['sizes']}, type {kind}, skip {lines}, {skip}")
    check_sizes(sizes, path)
    axes = axes_of(fields, sizes, path)
    dtype = np.dtype(_order(fields, _DTYPES[kind], encoding, path) + _DTYPES[kind])
    source = _source(header, path, encoding, lines, skip)
    geometry = grid_of(fields, axes, sizes, path)
    return StoredImage(path, sizes, axes.spatial, axes.component, dtype, source, geometry, fields=header.keys)


def _order(fields: Mapping[str, str], dtype: str, encoding: str, path: Path) -> str:
    if dtype[1] == "1" or encoding == samples.TEXT:
        return "="
    try:
        return {"little": "<", "big": ">"}[fields["endian"].lower()]
    except KeyError as error:
        raise damaged(path, f"endian {fields.get('endian')}") from error


def _source(header: _Header, path: Path, encoding: str, lines: int, skip: int) -> samples.Source:
    named = header.fields.get("data file")
    if named is None:
        if path.suffix.lower() == ".nhdr":
            raise damaged(path, "no data file")
        return _attached(header, path, encoding, lines, skip)
    words = named.split()
    if words and words[0] == "LIST":
        files = tuple(data_file(path, name) for name in header.listed if name.strip())
    elif "%" in named and len(words) >= 4:
        files = _pattern(path, words)
    else:
        files = (data_file(path, named),)
    if not files:
        raise damaged(path, "an empty list of data files")
    return samples.Source(files, encoding, skip, lines)


def _attached(header: _Header, path: Path, encoding: str, lines: int, skip: int) -> samples.Source:
    if skip < 0:
        return samples.Source((path,), encoding, skip, 0)
    # Unpacked bytes are counted from where the packed ones begin, so the header is left out by its lines.
    return samples.Source((path,), encoding, skip, header.end + lines)


def _pattern(path: Path, words: list[str]) -> tuple[Path, ...]:
    at = next(n for n, word in enumerate(words) if "%" in word)
    try:
        first, last, step = (int(word) for word in words[at + 1 : at + 4])
    except ValueError as error:
        raise damaged(path, f"data file {' '.join(words)[:100]}") from error
    return numbered_files(path, " ".join(words[: at + 1]), first, last, step)


def _lines(path: Path) -> _Header:
    with open_plain(path) as file:
        start = file.read(len(MAGIC))
        if start != MAGIC:
            raise InputError(f"'{path.name}' is not an NRRD file.", "Check that the file was not renamed or damaged.")
        file.seek(0)
        header, listing = _Header(), False
        while True:
            line = file.readline(_LONGEST_HEADER)
            header.end += 1
            if file.tell() > _LONGEST_HEADER:
                raise damaged(path, f"longer than {_LONGEST_HEADER} bytes")
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if not line or (not text and not listing):
                return header
            if listing:
                header.listed.append(text)
            elif header.end > 1 and not text.startswith("#"):
                listing = _line(header, text, path)


def _line(header: _Header, text: str, path: Path) -> bool:
    """Takes one line in; True where file names follow."""
    name, colon, value = text.partition(": ")
    known = _OTHER_NAMES.get(name.strip().lower(), name.strip().lower())
    if not colon and text.endswith(":"):
        known, colon, value = text[:-1].strip().lower(), ":", ""
    if colon and known in _FIELDS:
        if known in header.fields:
            raise damaged(path, f"'{known}' twice")
        header.fields[known] = value.strip()
        return known == "data file" and value.split()[:1] == ["LIST"]
    key, assigned, value = text.partition(":=")
    if not assigned:
        raise damaged(path, f"line {header.end}: {text[:100]!r}")
    header.keys[_unescaped(key)] = _unescaped(value)
    return False


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else "\\", text)
