"""Storing pictures in a DICOM object whose headers are there already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ....errors import DependencyError, InputError
from .run_lengths import run_lengths

_log = logging.getLogger(__name__)

NONE, RLE, JPEGLS = "none", "rle", "jpegls"
COMPRESSIONS = (RLE, JPEGLS, NONE)

_SYNTAXES = {RLE: "1.2.840.10008.1.2.5", JPEGLS: "1.2.840.10008.1.2.4.80", NONE: "1.2.840.10008.1.2.1"}
# Lengths and offsets have 32 bits.
_LARGEST = 2**32 - 2


def check_compression(compression: str) -> None:
    """Refuses what there is not.

    Raises:
        InputError: an unknown compression.
    """
    if compression not in COMPRESSIONS:
        raise InputError(f"There is no compression '{compression}'.", f"Use one of {', '.join(COMPRESSIONS)}.")


def store_frames(made: Any, frames: Callable[[], Iterable[np.ndarray]], compression: str) -> None:
    """Puts pictures into an object (pydicom), in the order of its frames.

    Args:
        made: says how many bits a pixel has; its size, syntax and pixels are set.
        frames: makes them, each (rows, columns), uint8 or uint16; of one bit: zeros and ones.
        compression: ``rle``, ``jpegls`` or ``none``; pictures of one bit are never compressed, which no reader takes.

    Raises:
        InputError: uncompressed pictures that are too many for one file.
    """
    if int(made.BitsAllocated) == 1 or compression == NONE:
        _store_plain(made, frames())
        return
    encode = run_lengths if compression == RLE else _jpeg_ls(made)
    try:
        stored = [encode(frame) for frame in _counted(made, frames())]
    except RuntimeError as error:
        # Its library has no room for a picture that becomes larger than it was: tiny ones, and noise.
        _log.warning("JPEG-LS makes these pictures larger; they are stored as run lengths.")
        _log.debug("pyjpegls: %s", error)
        store_frames(made, frames, RLE)
        return
    from pydicom.encaps import encapsulate

    made.file_meta.TransferSyntaxUID = _SYNTAXES[compression]
    made.PixelData = encapsulate(stored, has_bot=sum(map(len, stored)) + 8 * len(stored) < _LARGEST)


def _store_plain(made: Any, frames: Iterable[np.ndarray]) -> None:
    counted = _counted(made, frames)
    pixels = b"".join(_packed_bits(counted) if made.BitsAllocated == 1 else (frame.tobytes() for frame in counted))
    if len(pixels) > _LARGEST:
        raise InputError(
            f"{made.NumberOfFrames:,} pictures without compression are too many for one DICOM file.",
            "Use a label map, or compress the pictures.",
        )
    made.file_meta.TransferSyntaxUID = _SYNTAXES[NONE]
    made.PixelData = pixels + b"\0" * (len(pixels) % 2)


def _counted(made: Any, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    made.NumberOfFrames = 0
    for frame in frames:
        made.Rows, made.Columns = frame.shape
        made.NumberOfFrames += 1
        yield frame


def _jpeg_ls(made: Any) -> Callable[[np.ndarray], bytes]:
    try:
        import jpeg_ls
    except ImportError as error:
        raise DependencyError(
            "JPEG-LS needs the package pyjpegls, which is not installed.",
            "Install it with: pip install pyjpegls",
            str(error),
        ) from error

    def encode(picture: np.ndarray) -> bytes:
        rows, columns = picture.shape
        pixels = picture.astype(picture.dtype.newbyteorder("<"), copy=False).tobytes()
        stored = jpeg_ls.encode_pixel_data(
            pixels, rows=rows, columns=columns, samples_per_pixel=1, bits_stored=int(made.BitsStored)
        )
        return bytes(stored)

    return encode


def _packed_bits(frames: Iterable[np.ndarray]) -> Iterator[bytes]:
    """One bit a pixel, the first one lowest; a frame need not begin at a byte (PS3.5, 8.1.1)."""
    rest = np.zeros(0, np.uint8)
    for frame in frames:
        flat = np.concatenate([rest, frame.ravel()]) if len(rest) else frame.ravel()
        whole = len(flat) // 8 * 8
        rest = flat[whole:].astype(np.uint8)
        yield np.packbits(flat[:whole], bitorder="little").tobytes()
    yield np.packbits(rest, bitorder="little").tobytes()
