"""What a DICOM file is, by its SOP class: an image that can be read, or something else, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STORAGE = "1.2.840.10008.5.1.4.1.1."

# Longest prefix first; what is not listed is an image where it has rows and columns.
_KINDS = {
    "1.2.840.10008.1.3.10": "DICOMDIR (a table of contents)",
    f"{_STORAGE}4.2": "MR spectroscopy",
    f"{_STORAGE}9": "waveform",
    f"{_STORAGE}11": "presentation state",
    f"{_STORAGE}30": "parametric map",
    f"{_STORAGE}66.1": "registration",
    f"{_STORAGE}66.2": "set of fiducials",
    f"{_STORAGE}66.3": "registration",
    f"{_STORAGE}66.4": "segmentation (SEG)",
    f"{_STORAGE}66.5": "surface segmentation",
    f"{_STORAGE}66.6": "set of tracts",
    f"{_STORAGE}66.7": "segmentation (SEG)",
    f"{_STORAGE}66.8": "segmentation (SEG)",
    f"{_STORAGE}66": "file of raw data",
    f"{_STORAGE}67": "mapping of values",
    f"{_STORAGE}68": "surface",
    f"{_STORAGE}77.1.1.1": "video",
    f"{_STORAGE}77.1.2.1": "video",
    f"{_STORAGE}77.1.4.1": "video",
    f"{_STORAGE}77.1.6": "whole-slide picture in tiles",
    f"{_STORAGE}88.59": "selection of key images",
    f"{_STORAGE}88": "structured report",
    f"{_STORAGE}91": "annotation",
    f"{_STORAGE}104": "document",
    f"{_STORAGE}481.3": "RT structure set",
    f"{_STORAGE}481.4": "record of a treatment",
    f"{_STORAGE}481.5": "RT plan",
    f"{_STORAGE}481.8": "RT plan",
}
# PS3.3, C.7.3.1.1.1, those that are retired included.
_MODALITIES = frozenset(
    """
ANN AR AS ASMT AU BDUS BI BMD CD CF CFM CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG
EPS ES FA FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NM OAM OCT OP OPM OPR OPT OPTBSV
OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN
RTSTRUCT RWV SEG SM SMR SR SRF ST STAIN TEXTUREMAP TG US VA VF XA XAPROTOCOL XC
""".split()  # noqa: SIM905 (a hundred words, a line each)
)
_OTHER = "OT"
_DRAWN_ON = "Give the image series that it was drawn on. 'unetsegment convert' turns it into a label map."
_CURES = {
    "segmentation (SEG)": _DRAWN_ON,
    "surface segmentation": "Give the image series that it was drawn on.",
    "RT structure set": _DRAWN_ON,
    "parametric map": "Save it with Slicer as an image (NRRD or NIfTI), if its values are what the model expects.",
    "DICOMDIR (a table of contents)": "Give the folder that it lies in.",
    "video": "Save the picture that you want as PNG.",
    "whole-slide picture in tiles": "Save the part that you want as PNG or TIFF.",
}


@dataclass(frozen=True)
class Other:
    """A DICOM file that is no image.

    Args:
        kind: what it is, in words without an article.
        names: UID, number and description of its series, by which somebody may ask for it.
    """

    path: Path
    kind: str
    names: tuple[str, ...] = ()

    @property
    def cure(self) -> str:
        return _CURES.get(self.kind, "Give an image series.")


def known_modality(text: str) -> str:
    """A modality as it is stated, or DICOM's word for others: what stands there may be anything, a patient's name too,
    and modalities are told in tables and messages. Empty where none is stated."""
    return text if not text or text.upper() in _MODALITIES else _OTHER


def kind_of(sop_class: str) -> str | None:
    """What files of this class are, in words; None for images and classes that are not known."""
    parts = sop_class.split(".")
    for count in range(len(parts), 0, -1):
        kind = _KINDS.get(".".join(parts[:count]))
        if kind is not None:
            return kind
    return None


def counted(others: tuple[Other, ...]) -> str:
    """How many there are of each kind: ``"2 x structured report, segmentation (SEG)"``."""
    kinds = [other.kind for other in others]
    counts = {kind: kinds.count(kind) for kind in sorted(kinds)}
    return ", ".join(kind if count == 1 else f"{count} x {kind}" for kind, count in counts.items())
