"""What is corrected: real images with a reference, and the mask that the corrections begin with.

Of every list, every second one (the first, third and so on) is for tuning and the others for reporting; all spoilt
forms of one object, and all people's strokes on one picture, fall on the same side.
"""

import functools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import DATA

from UNetSegmentLib.io import read_segmentation, read_volume
from UNetSegmentLib.volume import Segmentation, Volume

from . import people, vessels
from .spoiling import SPOILERS

MODEL = Path(__file__).resolve().parents[3] / "Resources" / "Models" / "hippocampus-t1" / "fold0"
"""The network that has not seen fold 0."""
HIPPOCAMPI = 12
"""The first cases of fold 0, each with two labels."""
HALVES = ("tune", "report")

_AORTA = {
    "aorta": 1,
    "vertebra T12": 2,
    "coeliac trunk": 4,
    "superior mesenteric": 5,
    "brachiocephalic": 6,
    "left carotid": 7,
    "left subclavian": 8,
}
# Their number 33 has only 76 voxels, at the image's border.
_VERTEBRAE = range(26, 33)


@dataclass(frozen=True, eq=False)
class Case:
    """One object of one image.

    Args:
        kind: of start: one of :data:`KINDS`.
        name: of the object.
        half: ``tune`` or ``report``.
        volume: the image.
        segmentation: the label map that the corrections begin with.
        label: the value that is corrected.
        reference: what it should be, boolean (z, y, x).
        probability: of the label as the model saw it, float (z, y, x), or None.
        strokes: those that a person drew, in their order; where there are none a robot prompts.
        robot: ``click`` or ``scribble``.
    """

    kind: str
    name: str
    half: str
    volume: Volume
    segmentation: Segmentation
    label: int
    reference: np.ndarray
    probability: np.ndarray | None = None
    strokes: tuple = ()
    robot: str = "click"

    @property
    def start(self):
        """The mask that the corrections begin with, boolean (z, y, x)."""
        return self.segmentation.voxels == self.label


def cases(kind, half=None):
    """The cases of a kind, of both halves or of one; ``kind`` may be several."""
    if not isinstance(kind, str):
        return [case for one in kind for case in cases(one, half)]
    return [case for case in _cases(kind) if half in (None, case.half)]


@functools.cache
def _cases(kind):
    return tuple(_ALL[kind]())


def _half(number):
    return HALVES[number % 2]


def _binary(mask, volume):
    return Segmentation(mask.astype(np.uint8), volume.geometry)


# -- objects of the interactive folder ----------------------------------------------------------------------


def _objects():
    """(name, volume, reference) of each, in a fixed order."""
    folder = DATA / "interactive"
    aorta, labels = _read(folder / "ct_aorta.nii.gz", folder / "ct_aorta_labels.nii.gz")
    yield from ((name, aorta, labels == value) for name, value in _AORTA.items())
    torso, labels = _read(DATA / "ct" / "ct_torso_3mm.nii.gz", folder / "ct_torso_3mm_vertebrae.nii.gz")
    yield from ((f"vertebra {value}", torso, labels == value) for value in _VERTEBRAE)
    for name in ("cord_t2", "ct_lesion_0", "ct_lesion_1", "ct_lesion_2"):
        volume, labels = _read(folder / f"{name}.nii.gz", folder / f"{name}_labels.nii.gz")
        yield name.removeprefix("ct_").replace("_", " "), volume, labels == 1


@functools.cache
def _read(image, labels):
    return read_volume(image), read_segmentation(labels).voxels


def _from_nothing():
    for number, (name, volume, reference) in enumerate(_objects()):
        start = _binary(np.zeros_like(reference), volume)
        yield Case("nothing", name, _half(number), volume, start, 1, reference)


def _spoilt(kind):
    for number, (name, volume, reference) in enumerate(_objects()):
        spoilt = SPOILERS[kind](reference, volume.voxels[0], volume.geometry.array_spacing, number)
        yield Case(kind, name, _half(number), volume, _binary(spoilt, volume), 1, reference)


# -- a model's answers ----------------------------------------------------------------------


def _hippocampi():
    folder = DATA / "msd_hippocampus"
    for number, name in enumerate(_fold(folder)[:HIPPOCAMPI]):
        volume, reference = _read(folder / "images" / f"{name}.nii.gz", folder / "labels" / f"{name}.nii.gz")
        labels, probabilities = _answer(name, volume)
        for label, part in ((1, "anterior"), (2, "posterior")):
            start = Segmentation(labels, volume.geometry)
            probability = probabilities[label].astype(np.float32) / 255
            title = f"{name.removeprefix('hippocampus_')} {part}"
            yield Case("model", title, _half(number), volume, start, label, reference == label, probability)


def _fold(folder):
    return json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["folds"][0]


def _answer(name, volume):
    """Labels and probabilities (uint8, channels first) of the held-out model, computed once per computer."""
    folder = Path(tempfile.gettempdir()) / "unetsegment-refinement"
    kept = folder / f"{name}.npz"
    if not kept.exists():
        folder.mkdir(exist_ok=True)
        result = _segmenter().segment(volume, probabilities=True)
        maps = np.round(result.probabilities.voxels * 255).astype(np.uint8)
        arrived = kept.with_suffix(".part.npz")
        np.savez_compressed(arrived, labels=result.segmentation.voxels, probabilities=maps)
        arrived.replace(kept)
    with np.load(kept) as arrays:
        return arrays["labels"], arrays["probabilities"]


@functools.cache
def _segmenter():
    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.models import load_model

    return Segmenter(load_model(MODEL), "cpu")


# -- people's strokes, and vessels ----------------------------------------------------------------------


def _scribbles():
    for number, picture in enumerate(people.pictures(DATA / "scribbles")):
        for person, strokes in enumerate(picture.strokes):
            volume = picture.volume
            start = _binary(np.zeros(volume.geometry.shape, bool), volume)
            name = f"{picture.name}, person {person + 1}"
            yield Case("people", name, _half(number), volume, start, 1, picture.reference, strokes=strokes)


def _vessels():
    for number, (name, volume, reference, start) in enumerate(vessels.missed_pieces(DATA / "drive")):
        start = _binary(start, volume)
        yield Case("vessels", name, _half(number), volume, start, 1, reference, robot="scribble")


_ALL = {
    "model": _hippocampi,
    "nothing": _from_nothing,
    **{kind: functools.partial(_spoilt, kind) for kind in SPOILERS},
    "people": _scribbles,
    "vessels": _vessels,
}
KINDS = tuple(_ALL)
