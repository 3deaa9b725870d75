"""Whether the pixels of a file are all there: GDCM fills what is missing with whatever memory held.

Only lengths are looked at; nothing is decoded.
"""

from __future__ import annotations

import contextlib
import os
import struct
import warnings
import zlib
from typing import BinaryIO

from ...budget import require_memory
from .codestream import BEGIN, size_of
from .values import Dataset, count, element

_PIXEL_GROUP = 0x7FE0
_PIXELS = 0x0010
_TYPES = (b"OB", b"OW", b"UN")
_UNKNOWN_LENGTH = 0xFFFFFFFF
_ITEM, _END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_DEFLATED = "1.2.840.10008.1.2.1.99"
_CHUNK = 1 << 20
_META_GROUP, _COMMAND_GROUP = 0x0002, 0x0000
_UNPACKED = "Save it uncompressed, or use a machine with more memory."
_SHORT_OF = "ends before its last pixel"


def pixel_bytes(data: Dataset) -> int:
    """Bytes of all pixels of a file as its header states them, uncompressed."""
    pixels = count(data, "Rows") * count(data, "Columns") * max(count(data, "NumberOfFrames", 1), 1)
    bits = pixels * max(count(data, "SamplesPerPixel", 1), 1) * count(data, "BitsAllocated", 16)
    if str(element(data, "PhotometricInterpretation")).strip() in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        bits = bits * 2 // 3
    return (bits + 7) // 8


def fault_of_pixels(file: BinaryIO, data: Dataset) -> str:
    """What is wrong with a file's pixels, as the end of "It ..."; "" when they are all there.

    Args:
        file: where pydicom has left it: before the pixels.
    """
    if str(getattr(data.file_meta, "TransferSyntaxUID", "")) == _DEFLATED:
        # The stream that pydicom read from is gone, and zlib itself notices when something is missing.
        return ""
    head = file.read(12)
    order = ">" if head[:2] == _PIXEL_GROUP.to_bytes(2, "big") else "<"
    group, element_number = struct.unpack_from(f"{order}HH", head) if len(head) == 12 else (0, 0)
    if group != _PIXEL_GROUP:
        return "ends before its pixels"
    if element_number != _PIXELS:
        return "holds its pixels as real numbers, which only parametric maps do"
    explicit = head[4:6] in _TYPES
    length = struct.unpack_from(f"{order}I", head, 8 if explicit else 4)[0]
    start = file.tell() if explicit else file.tell() - 4
    there = os.fstat(file.fileno()).st_size - start
    if length == _UNKNOWN_LENGTH:
        return _fault_of_fragments(file, start, there, (count(data, "Columns"), count(data, "Rows")))
    # GDCM allocates what the length says.
    return _SHORT_OF if length > there or length < pixel_bytes(data) else ""


def _fault_of_fragments(file: BinaryIO, start: int, there: int, size: tuple[int, int]) -> str:
    """Compressed pixels are a row of pieces with their lengths, and a mark at the end."""
    at = 0
    while at + 8 <= there:
        file.seek(start + at)
        group, number, length = struct.unpack("<HHI", file.read(8))
        if (group, number) == _END:
            return ""
        if (group, number) != _ITEM:
            return "has compressed pixels that are damaged"
        if size_of(file.read(min(length, BEGIN))) not in (None, size):
            return "holds compressed pictures of another size than its header says"
        at += 8 + length
    # Some writers leave the mark out; then the last piece ends with the file.
    return "" if at == there else _SHORT_OF


def check_deflated(file: BinaryIO, name: str) -> None:
    """Refuses a deflated file that would unpack to more than there is memory for; leaves ``file`` where it was.

    Raises:
        ResourceError: it would.
    """
    begin = file.tell()
    if _goes_to_packed(file):
        unpacker, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        # Damage is told by who reads the file; what comes before it has been counted.
        with contextlib.suppress(zlib.error):
            rest = file.read(_CHUNK)
            while rest and not unpacker.eof:
                size += len(unpacker.decompress(rest, _CHUNK))
                require_memory(2 * size, f"Unpacking '{name}'", _UNPACKED)
                rest = unpacker.unconsumed_tail or file.read(_CHUNK)
    file.seek(begin)


def _goes_to_packed(file: BinaryIO) -> bool:
    """Whether what follows the file's first group is deflated; leaves ``file`` there.

    Lengths that the file states of its groups may be wrong: pydicom goes by the elements, and so does this.
    """
    from pydicom.filereader import read_dataset, read_preamble

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read_preamble(file, force=True)
            meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != _META_GROUP)
            read_dataset(file, True, True, stop_when=lambda tag, vr, length: tag >> 16 != _COMMAND_GROUP)
            return str(meta.get("TransferSyntaxUID", "")) == _DEFLATED
    except Exception:  # a damaged header fails in as many ways as there are types; reading it will say what is wrong
        return False
