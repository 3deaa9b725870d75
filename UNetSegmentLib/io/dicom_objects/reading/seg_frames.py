"""The frames of a SEG: where each lies, of which segment it is, and its pixels."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import DependencyError, InputError, UNetSegmentError
from ....text import shown
from ...dicom.kinds import kind_of
from ...dicom.opening import read_dataset
from ...dicom.pixel_data import check_deflated, fault_of_pixels, pixel_bytes
from ...dicom.recognition import is_dicom
from ...dicom.values import Dataset, count, element, item, items, number, numbers
from ...plain_files import open_plain

STORAGES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_BITS = {"BINARY": (1, 8), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}
# What pydicom raises where a header lacks a value or holds another one than it should, or pixels are damaged.
_DAMAGES = (ValueError, AttributeError, KeyError, IndexError, TypeError, EOFError, OSError, zlib.error, RuntimeError)


@dataclass(frozen=True)
class Plane:
    """The place of a frame.

    Args:
        position: LPS mm of the centre of its first pixel; None where the file does not say.
        orientation: LPS unit vectors of rows and columns, six numbers; None as above.
        spacing: mm along y (between rows) and x; None as above.
        depth: mm between slices, or else their thickness; None as above.
        segment: its number; None in a label map.
    """

    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    depth: float | None
    segment: int | None


@dataclass(frozen=True, eq=False)
class SegFile:
    """An opened SEG.

    Args:
        data: the whole file (pydicom); its pixels are not decoded yet.
        kind: one of :data:`KINDS`.
        planes: one for each frame, in the file's order.
    """

    path: Path
    data: Dataset
    kind: str
    planes: tuple[Plane, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return count(self.data, "Rows"), count(self.data, "Columns")

    @property
    def spaces(self) -> set[str]:
        """UID of its frame of reference, if it states one."""
        return {str(element(self.data, "FrameOfReferenceUID") or "").strip(" \0")} - {""}

    @property
    def series(self) -> set[str]:
        """UIDs of the series that it refers to."""
        found = (element(one, "SeriesInstanceUID") for one in items(self.data, "ReferencedSeriesSequence"))
        return {str(uid) for uid in found if uid}

    def pixels(self) -> Iterator[np.ndarray]:
        """The frames (rows, columns), decoded one by one, in the file's order.

        Raises:
            InputError: the pixels are damaged.
            DependencyError: nothing is installed that decodes them.
        """
        frames = _frames(self)
        done = 0
        while done < len(self.planes):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    frame = np.asarray(next(frames))
            except StopIteration:
                raise damaged(self.path, f"it ends after {done} of {len(self.planes)} frames") from None
            except UNetSegmentError:
                raise
            except (NotImplementedError, *_DAMAGES) as error:
                raise _undecoded(self, error) from error
            if frame.dtype.kind == "i":
                # Numbers of segments and shares have no sign, whatever the header says of the pixels.
                frame = frame.view(f"u{frame.itemsize}")
            if frame.shape != self.shape:
                raise damaged(self.path, f"its frames are not of {self.shape[0]} rows and {self.shape[1]} columns")
            done += 1
            yield frame


def segments_header(path: Path) -> tuple[Dataset, str]:
    """The header of a SEG, and its type as it states it.

    Raises:
        InputError: damaged.
        ResourceError: it would unpack to more than memory holds.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = read_dataset(path, stop_before_pixels=True, force=True)
            return data, _stated_kind(data)
    except UNetSegmentError:
        raise
    except Exception as error:  # as of open_seg
        raise damaged(path, "its header is damaged", str(error)) from error


def open_seg(path: Path) -> SegFile:
    """Reads a SEG without decoding its pixels.

    Raises:
        InputError: no SEG, damaged, cut short, without frames, or of tiles.
        ResourceError: it would unpack to more than memory holds.
    """
    if not is_dicom(path):
        raise InputError(f"'{path.name}' is not DICOM.", "Give a DICOM segmentation.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = _read(path)
            return SegFile(path, data, _kind(data, path), _planes(data, path))
    except UNetSegmentError:
        raise
    except Exception as error:  # pydicom decodes late; a damaged header fails in as many ways as there are types
        raise damaged(path, "its header is damaged", str(error)) from error


def _read(path: Path) -> Dataset:
    """The whole file, after a look at whether its pixels are all there."""
    from pydicom import dcmread

    with open_plain(path) as file:
        check_deflated(file, path.name)
        head = dcmread(file, stop_before_pixels=True, force=True)
        _check_class(head, path)
        fault = fault_of_pixels(file, head)
        if fault:
            raise damaged(path, f"it {fault}")
        file.seek(0)
        return dcmread(file, force=True)


def _check_class(data: Dataset, path: Path) -> None:
    sop_class = str(element(data, "SOPClassUID") or "").strip(" \0")
    if sop_class in STORAGES:
        return
    kind = kind_of(sop_class) or "image"
    raise InputError(f"'{path.name}' is no DICOM segmentation: it is a DICOM {kind}.", "Give a SEG.")


def _kind(data: Dataset, path: Path) -> str:
    kind = _stated_kind(data)
    if kind not in KINDS:
        raise damaged(path, f"it states the type '{shown(kind, 20)}', which there is not" if kind else "it has no type")
    bits = count(data, "BitsAllocated")
    if bits not in _BITS[kind] or not (0 < count(data, "BitsStored") <= bits) or count(data, "SamplesPerPixel", 1) != 1:
        raise damaged(path, f"a {kind.lower()} one has no pixels of {bits} bits")
    if "PixelData" not in data or not data.PixelData:
        raise damaged(path, "it has no pixels")
    if not _encapsulated(data.file_meta.TransferSyntaxUID) and len(data.PixelData) < pixel_bytes(data):
        raise damaged(path, "it ends before its last pixel")
    if element(data, "TotalPixelMatrixRows") is not None:
        raise InputError(
            f"'{path.name}' is a segmentation of a whole-slide picture in tiles, which is not read.",
            "Export the part that you want as a label map (PNG or TIFF).",
        )
    return kind


def _stated_kind(data: Dataset) -> str:
    return str(element(data, "SegmentationType") or "").strip(" \0").upper()


def _encapsulated(syntax: Any) -> bool:
    """Whether pixels are compressed frame by frame; pydicom answers for the syntaxes that it knows."""
    return syntax == _DEFLATED_FRAMES or (syntax.is_transfer_syntax and syntax.is_encapsulated)


def _planes(data: Dataset, path: Path) -> tuple[Plane, ...]:
    total = count(data, "NumberOfFrames", 1)
    shared = item(data, "SharedFunctionalGroupsSequence")
    own = items(data, "PerFrameFunctionalGroupsSequence")
    if not total or not (count(data, "Rows") and count(data, "Columns")):
        raise damaged(path, "it has no frames")
    if len(own) != total:
        raise damaged(path, f"it says of {len(own)} of its {total} frames where they lie")

    @cache
    def common(name: str) -> Dataset | None:
        return item(shared, name)

    def group(frame: Dataset, name: str) -> Dataset | None:
        found = item(frame, name)
        return common(name) if found is None else found

    return tuple(_plane(lambda name, frame=frame: group(frame, name)) for frame in own)


def _plane(group: Any) -> Plane:
    measures = group("PixelMeasuresSequence")
    between, thickness = number(measures, "SpacingBetweenSlices"), number(measures, "SliceThickness")
    segment = number(group("SegmentIdentificationSequence"), "ReferencedSegmentNumber")
    return Plane(
        numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3),
        numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        numbers(measures, "PixelSpacing", 2),
        abs(between or thickness or 0.0) or None,
        None if segment is None else int(segment),
    )


def _frames(seg: SegFile) -> Iterator[np.ndarray]:
    syntax = seg.data.file_meta.TransferSyntaxUID
    if syntax == _DEFLATED_FRAMES:
        return _inflated(seg)
    if count(seg.data, "BitsAllocated") == 1 and not _encapsulated(syntax):
        return _unpacked(seg, syntax == _BIG_ENDIAN)
    return _decoded(seg.data)


def _unpacked(seg: SegFile, big_endian: bool) -> Iterator[np.ndarray]:
    """Frames of single bits, which need not begin with a byte (PS3.5, 8.1.1), the lowest bit first."""
    packed = np.frombuffer(seg.data.PixelData, np.uint8)
    if big_endian and seg.data["PixelData"].VR == "OW":
        packed = packed[: len(packed) // 2 * 2].view(np.uint16).byteswap().view(np.uint8)
    pixels = seg.shape[0] * seg.shape[1]
    for frame in range(len(seg.planes)):
        first, last = frame * pixels, (frame + 1) * pixels
        bits = np.unpackbits(packed[first // 8 : -(-last // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + pixels].reshape(seg.shape)


def _decoded(data: Dataset) -> Iterator[np.ndarray]:
    from pydicom.pixels import iter_pixels

    return iter_pixels(data, raw=True)


def _inflated(seg: SegFile) -> Iterator[np.ndarray]:
    """Frames that are deflated one by one (PS3.5, A.4.13), which pydicom leaves alone."""
    from pydicom.encaps import generate_frames

    rows, columns = seg.shape
    bits = count(seg.data, "BitsAllocated")
    size = (rows * columns * bits + 7) // 8
    for frame in generate_frames(seg.data.PixelData, number_of_frames=len(seg.planes)):
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, size)
        if len(unpacked) < size:
            raise damaged(seg.path, "a frame of it is too short")
        if bits == 1:
            flat = np.unpackbits(np.frombuffer(unpacked, np.uint8), bitorder="little")[: rows * columns]
        else:
            flat = np.frombuffer(unpacked, f"<u{bits // 8}")
        yield flat.reshape(rows, columns)


def _undecoded(seg: SegFile, error: Exception) -> UNetSegmentError:
    said = str(error).lower()
    if isinstance(error, NotImplementedError) or "missing dependencies" in said or "no pixel data decoders" in said:
        syntax = seg.data.file_meta.TransferSyntaxUID
        return DependencyError(
            f"The pixels of '{seg.path.name}' are compressed ({syntax.name}), and nothing is installed that decodes "
            "them.",
            "Install it with: pip install highdicom pylibjpeg[openjpeg], or save the file uncompressed.",
            str(error),
        )
    return damaged(seg.path, "its pixels are damaged", str(error))


def damaged(path: Path, why: str, detail: str = "") -> InputError:
    """The error for a file that cannot be read."""
    return InputError(
        f"'{path.name}' is no DICOM segmentation that can be read: {why}.",
        "Copy or export it again, and check that its size is the same as the original's.",
        detail,
    )
