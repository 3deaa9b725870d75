"""Two folders, ``images/`` and ``labels/``, with the same file names; ``dataset.json`` beside them is optional.

An image may be a folder of its name with a DICOM series in it, and a label map a DICOM segmentation or structure set.
"""

from __future__ import annotations

from pathlib import Path

from ...io.case_files import image_cases, label_files
from .dataset import CaseFiles, Dataset
from .files import (
    ignored_value,
    in_order,
    label_names,
    labels_alone,
    lacking_label,
    named_channels,
    named_folds,
    natural,
    read_json,
)


def matches(path: Path) -> bool:
    """Whether the folder is of this kind."""
    return (path / "images").is_dir() and (path / "labels").is_dir()


def read(path: Path) -> Dataset:
    """Reads ``images/``, ``labels/`` and the optional keys ``name``, ``modality``, ``channels``, ``labels``, ``folds``,
    ``ignored`` and ``licence`` of ``dataset.json``.

    Raises:
        InputError: an image without a label map, two files of one name, or a broken table of contents.
    """
    table = read_json(path / "dataset.json")
    images = dict(sorted(image_cases(path / "images").items(), key=lambda one: natural(one[1].name)))
    labels = label_files(path / "labels")
    lacking = [name for name in images if name not in labels]
    if lacking:
        raise lacking_label(lacking[0], len(lacking), path / "labels")
    modality = table.get("modality", "")
    return Dataset(
        name=str(table.get("name", path.resolve().name)),
        folder=path,
        layout="pairs",
        cases=tuple(CaseFiles(name, (file,), labels[name]) for name, file in images.items()),
        channels=in_order(modality) or named_channels(table, path / "dataset.json"),
        labels=label_names(table.get("labels", {}), path / "dataset.json"),
        ignored=ignored_value(table, path / "dataset.json"),
        folds=named_folds(table.get("folds", ()), path / "dataset.json"),
        modality=modality if isinstance(modality, str) else "",
        licence=str(table.get("licence", "")),
        reference=str(table.get("source", "")),
        notes=labels_alone(images, labels, path / "labels"),
    )
