"""One file: what its header says, or what is wrong with it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from ...errors import DependencyError, InputError, ResourceError
from ..plain_files import open_plain
from .frames import Frame, applied_by_gdcm, frames_of, is_localizer, is_mosaic
from .kinds import Other, kind_of, known_modality
from .pixel_data import check_deflated, fault_of_pixels, pixel_bytes
from .recognition import HEAD, looks_like_dicom
from .values import Dataset, count, element, item, number, text

_SERIES_UID, _SERIES_NUMBER, _DESCRIPTION = 0x0020000E, 0x00200011, 0x0008103E
_INSTANCE_UID, _MODALITY = 0x00080018, 0x00080060
_PATIENT_NAME, _PATIENT_ID, _STUDY_UID = 0x00100010, 0x00100020, 0x0020000D
_FRAME_OF_REFERENCE = 0x00200052
_IMAGE_ROOT = "1.2.840.10008.5.1.4.1.1."


@dataclass(frozen=True)
class SeriesKey:
    """What the files of one series share. ``uid`` and ``number`` may be empty when anonymised.

    Args:
        patient: whose it is: anonymisers may give the series of several one UID.
    """

    uid: str
    number: str
    modality: str
    description: str
    localizer: bool = False
    patient: str = field(default="", repr=False)

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells series apart; a description that a single file spells in another way must not split them."""
        description = "" if self.uid else self.description
        return (self.uid, self.number, self.modality, description, self.localizer, self.patient)


@dataclass(frozen=True)
class Slice:
    """What one file's header says: one slice, or the many of a multi-frame file.

    Args:
        instance: SOP instance UID.
        size: columns, rows.
        samples: 1, or 3 for colour.
        photometric: how stored numbers become brightness or colour, in DICOM's word.
        gdcm: slope and intercept that GDCM applies to all frames.
        stored: least and largest number that a pixel can hold.
        volume_bytes: of all its pixels.
        table: whether its values should be looked up in a table (modality LUT), which GDCM does not do.
        bits: bits stored and high bit where the header places them elsewhere than at the lowest, which GDCM ignores.
        study: UID of its study; may be empty.
        reference: UID of the space that its positions are in; may be empty.
    """

    path: Path
    key: SeriesKey
    instance: str
    size: tuple[int, int]
    samples: int
    photometric: str
    gdcm: tuple[float, float]
    stored: tuple[int, int]
    volume_bytes: int
    mosaic: bool
    film: bool
    table: bool
    bits: tuple[int, int] | None
    study: str
    reference: str
    frames: tuple[Frame, ...] = field(repr=False)

    @cached_property
    def colour(self) -> bool:
        return self.samples > 1 or self.photometric == "PALETTE COLOR"

    @property
    def position(self) -> np.ndarray | None:
        """LPS mm of the first frame's first pixel."""
        position = self.frames[0].position
        return None if position is None else np.asarray(position)


@dataclass(frozen=True)
class Broken:
    """A file that cannot be read and may have been a slice.

    Args:
        fault: as the end of "It ...".
        series: UID of its series where that much could be read.
        content: "dicom" where it begins like DICOM, "nothing" where it is empty or cannot be opened, "other" where it
            is another kind of file, which matters only where it is called like the slices beside it.
    """

    path: Path
    fault: str
    series: str = ""
    content: Literal["dicom", "nothing", "other"] = "dicom"


def read_header(path: Path) -> Slice | Other | Broken:
    """What a file is.

    Raises:
        DependencyError: pydicom is not installed.
        ResourceError: a header that asks for more memory than there is.
    """
    try:
        with open_plain(path) as file:
            head = file.read(HEAD)
            if not head:
                return Broken(path, "is empty", content="nothing")
            if not any(head):
                return Broken(path, "holds nothing but zeros", content="nothing")
            if not looks_like_dicom(head):
                return Broken(path, "is not DICOM", content="other")
            file.seek(0)
            check_deflated(file, path.name)
            with warnings.catch_warnings():
                # pydicom warns of every value that bends the standard.
                warnings.simplefilter("ignore")
                return _judge(path, file)
    except OSError as error:
        return Broken(path, f"cannot be read ({error.strerror or error})", content="nothing")
    except (DependencyError, ResourceError):
        raise
    except InputError as error:
        fault = "cannot be opened" if path.is_file() else error.cause.partition("' ")[2].rstrip(".")
        return Broken(path, fault, content="nothing")


def _judge(path: Path, file: BinaryIO) -> Slice | Other | Broken:
    try:
        from pydicom import dcmread
    except ImportError as error:
        raise DependencyError("Reading DICOM needs pydicom.", "Install it with: pip install pydicom") from error
    try:
        data = dcmread(file, stop_before_pixels=True, force=True)
        if not all(_is_type(raw.VR) for raw in data.values()):
            return Broken(path, "has a damaged header (elements of no known type)")
        uid = text(data, _SERIES_UID)
        sop_class = _sop_class(data)
    # A damaged header fails in as many ways as there are types of elements, endless nesting among them.
    except Exception as error:
        return Broken(path, f"has a damaged header ({type(error).__name__})")
    kind = kind_of(sop_class)
    names = (uid, text(data, _SERIES_NUMBER), text(data, _DESCRIPTION))
    if kind is not None:
        return Other(path, kind, names)
    if not (count(data, "Rows") and count(data, "Columns")):
        if sop_class.startswith(_IMAGE_ROOT) and text(data, _MODALITY) in ("", "CT", "MR", "PT"):
            return Broken(path, "ends before its pixels", uid)
        return Other(path, "file without an image", names)
    fault = _fault(file, data)
    return Broken(path, fault, uid) if fault else _slice(path, data, uid)


def _is_type(vr: str | None) -> bool:
    """Whether this is a value representation, or one of the fillers that old writers used.

    pydicom goes on behind any other; GDCM takes what follows for a length and allocates it.
    """
    return vr is None or vr in ("??", "  ") or (len(vr) == 2 and vr.isascii() and vr.isalpha() and vr.isupper())


def _sop_class(data: Dataset) -> str:
    stated = element(data, "SOPClassUID") or getattr(data.file_meta, "MediaStorageSOPClassUID", "")
    return str(stated).strip(" \0")


def _fault(file: BinaryIO, data: Dataset) -> str:
    try:
        fault = fault_of_pixels(file, data)
    except (OSError, ValueError):
        return "ends before its pixels"
    frames = count(data, "NumberOfFrames", 1)
    if not fault and frames > file.seek(0, 2):
        return f"states {frames} pictures, more than it has bytes"
    return fault


def _slice(path: Path, data: Dataset, uid: str) -> Slice:
    series_number, modality, description = (text(data, tag) for tag in (_SERIES_NUMBER, _MODALITY, _DESCRIPTION))
    patient = text(data, _PATIENT_ID) or text(data, _PATIENT_NAME)
    key = SeriesKey(uid, series_number, known_modality(modality), description, is_localizer(data), patient)
    bits = count(data, "BitsStored") or count(data, "BitsAllocated", 16)
    signed = count(data, "PixelRepresentation") == 1
    high = count(data, "HighBit", bits - 1)
    return Slice(
        path=path,
        key=key,
        instance=text(data, _INSTANCE_UID),
        size=(count(data, "Columns"), count(data, "Rows")),
        samples=max(count(data, "SamplesPerPixel", 1), 1),
        photometric=str(element(data, "PhotometricInterpretation") or "").strip(" \0"),
        gdcm=applied_by_gdcm(data),
        stored=(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1),
        volume_bytes=pixel_bytes(data),
        mosaic=is_mosaic(data),
        film=number(data, "FrameTime") is not None or element(data, "FrameTimeVector") is not None,
        table=item(data, "ModalityLUTSequence") is not None,
        bits=(bits, high) if high != bits - 1 else None,
        study=text(data, _STUDY_UID),
        reference=text(data, _FRAME_OF_REFERENCE),
        frames=frames_of(data),
    )
