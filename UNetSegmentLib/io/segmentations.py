"""Label maps with their meaning: ``.seg.nrrd``, or a label image with a JSON table beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..errors import GeometryError, InputError, OutputError
from ..geometry import Geometry
from ..labels import Label
from ..volume import Segmentation, Volume, values_in
from . import seg_nrrd
from .atomic import check_writable, full_suffix
from .formats.recognition import read_header
from .formats.stored import load
from .grid import put_back
from .itk import to_image, write_image
from .label_names import find_label
from .label_table import check_table_target, read_label_table, table_path, write_label_table
from .plain_files import is_folder
from .reading import check_file, read_volume
from .segment_names import find_segment

if TYPE_CHECKING:
    from .dicom_objects.reading.image_grid import ImagePlace

_log = logging.getLogger(__name__)

WRITABLE = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha")
_VOLUME_WRITABLE = (".nii.gz", ".nii", ".nrrd", ".mha")
_PICTURES = (".png", ".tif", ".tiff")
_LARGEST = np.iinfo(np.uint16).max
# A grey image of whole numbers has more values than this, and few neighbours of one value. Measured: at most a quarter
# of them in CT, MR and microscopy, 0.86 and more in label maps of up to 54 structures.
_VALUES_OF_LABELS = 32
_NEIGHBOURS_ALIKE = 1 / 3


def read_segmentation(
    path: Path | str,
    read: Callable[[Path], Volume] = read_volume,
    image: ImagePlace | None = None,
    segments: Sequence[str] = (),
) -> Segmentation:
    """Reads ``.seg.nrrd``, a DICOM SEG or RTSTRUCT, or any label image together with ``<stem>.json`` beside it.

    A folder means the only SEG or RTSTRUCT in it, or else a DICOM series of label images.

    Layers of a ``.seg.nrrd`` whose segments do not overlap become one label map; values that occur in several layers
    are numbered anew in the file's order. Overlapping segments are an error, because a label map cannot hold them.
    Slicer stores the occupied part of the image only; where the file notes the image's grid, the map is put back on it.

    Args:
        read: reads what has no names of its own.
        image: that it was drawn on. An RTSTRUCT needs it, and a SEG is put on its grid; all else keeps its own grid.
        segments: names or values of the segments to read; all by default. Those that are left out may overlap.

    Returns:
        voxels uint8 where all values fit, else uint16.

    Raises:
        InputError: as :func:`UNetSegmentLib.io.read_volume`; values that are not whole numbers from 0 to 65535, or
            are those of a grey image; segments that overlap; a broken label table; no segment of a wanted name; a
            DICOM object that holds no labels.
        GeometryError: a DICOM object that does not lie on the image.
    """
    path = Path(path)
    stored = None
    if not is_folder(path):
        check_file(path)
        stored = read_header(path)
    if stored is not None:
        named = seg_nrrd.parse(stored.fields, path.name)
        if named:
            merged = _merge(load(stored), named, path, segments)
            return _uncropped(merged, seg_nrrd.reference_geometry(stored.fields), path)
    if stored is None:
        from .dicom_objects.reading.objects import read_object
        from .dicom_objects.reading.recognition import object_at

        found = object_at(path)
        if found is not None:
            return read_object(found, image, segments, path)
    return _chosen(_label_image(path, read), segments, path)


def _label_image(path: Path, read: Callable[[Path], Volume]) -> Segmentation:
    """A label map with a table beside it, if any."""
    volume = read(path)
    _check_lossless(volume, path)
    if volume.channels != 1:
        raise InputError(f"'{path.name}' has {volume.channels} channels; a label map has one.", "Choose a label map.")
    labels = read_label_table(table_path(path))
    voxels = _whole_numbers(volume.voxels[0], path.name)
    if not labels:
        _check_labels(voxels, path.name)
    return Segmentation(voxels, volume.geometry, labels, volume.notes)


def write_segmentation(
    segmentation: Segmentation,
    path: Path | str,
    *,
    algorithm: str = "",
    algorithm_type: str = "AUTOMATIC",
    algorithms: Mapping[int, seg_nrrd.Algorithm] | None = None,
    force: bool = False,
) -> None:
    """Writes ``.seg.nrrd`` for Slicer, or a label image (NIfTI, NRRD, MHA; PNG, TIFF for one slice) with a JSON table.

    Values without an entry in ``segmentation.labels`` get a plain one, so that nothing is invisible in Slicer.

    Args:
        algorithm: name and version of what drew it, kept as ``DICOM.SegmentAlgorithmName``.
        algorithm_type: AUTOMATIC, SEMIAUTOMATIC or MANUAL.
        algorithms: what drew the segments of single values, in place of these two (``.seg.nrrd`` alone keeps it).
        force: replace a JSON file of another make that stands in the table's place.

    Raises:
        OutputError: unknown ending, not writable, disk full, another JSON file in the table's place. What stood there
            before is unchanged.
    """
    target = Path(path)
    suffix = _check_suffix(target, (*WRITABLE, *_PICTURES), "a segmentation")
    labels = [segmentation.label(value) for value in _all_values(segmentation)]
    image = to_image(_compact(segmentation.voxels), segmentation.geometry)
    if suffix == ".seg.nrrd":
        every = seg_nrrd.Algorithm(algorithm, algorithm_type)
        drawn_by = {label.value: (algorithms or {}).get(label.value, every) for label in labels}
        for key, value in seg_nrrd.header(labels, segmentation.geometry, drawn_by).items():
            image.SetMetaData(key, value)
        write_image(image, target)
        return
    table = table_path(target)
    if not force:
        check_table_target(table)
    check_writable(table)
    write_image(_picture(image, target), target)
    write_label_table(table, labels, algorithm, force)


def write_volume(volume: Volume, path: Path | str) -> None:
    """Writes an image (NIfTI, NRRD, MHA), several channels as one vector image; atomic.

    Raises:
        OutputError: unknown ending, not writable, disk full. What stood there before is unchanged.
    """
    target = Path(path)
    _check_suffix(target, _VOLUME_WRITABLE, "an image")
    voxels = volume.voxels.astype(np.float32) if volume.voxels.dtype == np.float16 else volume.voxels
    write_image(to_image(voxels, volume.geometry), target)


def check_segmentation_target(path: Path | str) -> None:
    """Refuses, before a long run, an output that :func:`write_segmentation` would refuse after it.

    Raises:
        OutputError: as :func:`write_segmentation`.
    """
    check_segmentation_ending(path)
    beside = table_beside(path)
    if beside is not None:
        check_table_target(beside)
    check_writable(Path(path))


def check_segmentation_ending(path: Path | str, further: tuple[str, ...] = ()) -> None:
    """Refuses a name that :func:`write_segmentation` cannot write to.

    Args:
        further: endings that the caller writes in another way, for the message.

    Raises:
        OutputError: unknown ending.
    """
    _check_suffix(Path(path), (*WRITABLE, *_PICTURES), "a segmentation", further)


def check_volume_ending(path: Path | str) -> None:
    """Refuses a name that :func:`write_volume` cannot write to.

    Raises:
        OutputError: unknown ending.
    """
    _check_suffix(Path(path), _VOLUME_WRITABLE, "an image")


def table_beside(path: Path | str) -> Path | None:
    """The label table that :func:`write_segmentation` writes beside ``path``; None for ``.seg.nrrd``."""
    target = Path(path)
    return None if full_suffix(target) == ".seg.nrrd" else table_path(target)


def _check_suffix(target: Path, allowed: tuple[str, ...], what: str, further: tuple[str, ...] = ()) -> str:
    suffix = full_suffix(target)
    if suffix not in allowed:
        raise OutputError(
            f"'{target.name}' has no ending that {what} can be written to.",
            f"Use one of {', '.join((*allowed, *further))}.",
        )
    return suffix


def _picture(image: sitk.Image, target: Path) -> sitk.Image:
    if full_suffix(target) not in _PICTURES:
        return image
    if image.GetDepth() != 1:
        raise OutputError(
            f"'{target.name}' can hold one slice, the segmentation has {image.GetDepth()}.",
            f"Use one of {', '.join(WRITABLE)}.",
        )
    _log.info("%s: pictures keep no orientation.", target.name)
    return image[:, :, 0]


def _all_values(segmentation: Segmentation) -> list[int]:
    known = [label.value for label in segmentation.labels]
    return known + [value for value in values_in(segmentation.voxels) if value and value not in known]


def _compact(voxels: np.ndarray) -> np.ndarray:
    """uint8 where the values fit, else uint16."""
    return voxels.astype(np.uint8 if int(voxels.max()) <= 255 else np.uint16, copy=False)


def _whole_numbers(array: np.ndarray, name: str) -> np.ndarray:
    low, high = array.min(), array.max()
    whole = np.issubdtype(array.dtype, np.integer) or bool(np.isfinite(array).all() and (array == np.rint(array)).all())
    if not whole or low < 0 or high > _LARGEST:
        raise InputError(
            f"'{name}' is not a label map: its values ({low:g} to {high:g}) are not all whole numbers from 0 to "
            f"{_LARGEST}.",
            "Choose a label map, not an image.",
        )
    return array.astype(np.uint8 if high <= 255 else np.uint16)


def _check_labels(voxels: np.ndarray, name: str) -> None:
    """Refuses a grey image whose values happen to be whole numbers: labels lie beside their like, greys do not."""
    values = int(np.count_nonzero(np.bincount(voxels.ravel())))
    if values <= _VALUES_OF_LABELS:
        return
    left, right = voxels[..., :-1], voxels[..., 1:]
    labelled = (left > 0) & (right > 0)
    alike = np.count_nonzero(labelled & (left == right))
    if alike < _NEIGHBOURS_ALIKE * np.count_nonzero(labelled):
        raise InputError(
            f"'{name}' is not a label map: it has {values:,} values, and neighbouring voxels seldom share one.",
            "Choose a label map, not an image. Many tiny objects with a number each? Name the numbers in a JSON table "
            "beside the file.",
        )


def _check_lossless(volume: Volume, path: Path) -> None:
    """Refuses a mask saved as JPEG, whose compression invents values along every edge."""
    if full_suffix(path) not in (".jpg", ".jpeg"):
        return
    values = len(np.unique(volume.voxels))
    if values > 2:
        raise InputError(
            f"The label map '{path.name}' is a JPEG, which changes values along every edge: it holds {values} of them.",
            "Save the original again as PNG. A mask of one label may also be thresholded at half its highest value.",
        )


def _chosen(segmentation: Segmentation, texts: Sequence[str], path: Path) -> Segmentation:
    """The segments of these names or values alone."""
    if not texts:
        return segmentation
    chosen = [find_segment(segmentation, text, path.name) for text in texts]
    values = [label.value for label in chosen]
    voxels = np.where(np.isin(segmentation.voxels, values), segmentation.voxels, 0)
    return replace(segmentation, voxels=voxels, labels=tuple(chosen))


def _merge(
    volume: Volume, segments: list[seg_nrrd.StoredSegment], path: Path, wanted: Sequence[str] = ()
) -> Segmentation:
    """One label map of all layers, or of the wanted segments; see :func:`read_segmentation`."""
    geometry = volume.geometry
    layers = [_whole_numbers(layer, path.name) for layer in volume.voxels]
    known = seg_nrrd.numbered(segments)
    pairs = list(zip(segments, known, strict=True))
    if wanted:
        values = {find_label(known, text, path.name).value for text in wanted}
        pairs = [(segment, label) for segment, label in pairs if label.value in values]
        segments = [segment for segment, _ in pairs]
        layers = [np.where(np.isin(layer, _values_of(segments, n)), layer, 0) for n, layer in enumerate(layers)]
    if len(layers) == 1 and all(segment.label is label for segment, label in pairs):
        return Segmentation(layers[0], geometry, tuple(label for _, label in pairs), volume.notes)
    merged = np.zeros(geometry.shape, np.uint8 if max(label.value for label in known) <= 255 else np.uint16)
    labels: list[Label] = []
    for segment, label in pairs:
        if not 0 <= segment.layer < len(layers):
            raise InputError(f"'{path.name}' names a layer that it does not hold.", "Save it again with Slicer.")
        mask = layers[segment.layer] == segment.label.value
        _check_overlap(merged[mask], labels, label.name, path)
        merged[mask] = label.value
        labels.append(label)
    return Segmentation(merged, geometry, tuple(labels), volume.notes)


def _values_of(segments: list[seg_nrrd.StoredSegment], layer: int) -> list[int]:
    return [one.label.value for one in segments if one.layer == layer]


def _uncropped(segmentation: Segmentation, reference: Geometry | None, path: Path) -> Segmentation:
    """On the segmented image's grid, of which Slicer stores the occupied part only."""
    if reference is None:
        return segmentation
    try:
        return put_back(segmentation, reference, f"'{path.name}'")
    except GeometryError as error:
        _log.info("%s stays on its own grid: %s", path.name, error.cause)
        return segmentation


def _check_overlap(covered: np.ndarray, labels: list[Label], name: str, path: Path) -> None:
    count = np.count_nonzero(covered)
    if not count:
        return
    other = next(label.name for label in labels if label.value == int(covered[covered > 0][0]))
    raise InputError(
        f"In '{path.name}' the segments '{other}' and '{name}' overlap in {count} voxels; a label map holds only one.",
        "Remove the overlap in Slicer's Segment Editor (Logical operators: subtract), or take one by "
        f'itself: unetsegment convert {path.name} one.seg.nrrd --segment "{name}" (or its number).',
    )
