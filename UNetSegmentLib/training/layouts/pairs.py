"""Two folders, ``images/`` and ``labels/``, with the same file names; ``dataset.json`` beside them is optional."""

from __future__ import annotations

from pathlib import Path

from ...io.case_names import cases_by_name
from .dataset import CaseFiles, Dataset
from .files import (
    ignored_value,
    image_files,
    in_order,
    label_names,
    labels_alone,
    lacking_label,
    named_channels,
    named_folds,
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
    images = cases_by_name(image_files(path / "images"))
    labels = cases_by_name(image_files(path / "labels"))
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
