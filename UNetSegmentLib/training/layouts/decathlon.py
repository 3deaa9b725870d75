"""The Medical Segmentation Decathlon (arXiv:1902.09063): ``imagesTr/``, ``labelsTr/``, ``dataset.json``."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name, cases_by_name
from .dataset import CaseFiles, Dataset
from .files import image_files, in_order, is_there, label_names, labels_alone, lacking_label, natural, read_json


def matches(path: Path) -> bool:
    """Whether the folder is of this kind."""
    if not (path / "imagesTr").is_dir() or not (path / "dataset.json").is_file():
        return False
    return "channel_names" not in read_json(path / "dataset.json")


def read(path: Path) -> Dataset:
    """Reads ``dataset.json``: ``training`` (pairs of files), ``labels`` (value to name), ``modality``, ``licence``.

    Raises:
        InputError: a broken table of contents, or a file that it names is not there.
    """
    table = read_json(path / "dataset.json")
    pairs, notes = _listed(path, table), ()  # type: list[tuple[Path, Path]], tuple[str, ...]
    if not pairs:
        pairs, notes = _found(path)
    for image, label in pairs:
        for file, what in ((image, "image"), (label, "label map")):
            if not is_there(file):
                raise InputError(
                    f"dataset.json names the {what} {file.name}, which is not there.", "Add the file or correct it."
                )
    channels = in_order(table.get("modality"))
    return Dataset(
        name=str(table.get("name", path.resolve().name)),
        folder=path,
        layout="decathlon",
        cases=tuple(CaseFiles(case_name(image), (image,), label) for image, label in pairs),
        channels=channels,
        labels=label_names(table.get("labels", {}), path / "dataset.json"),
        modality=channels[0] if len(channels) == 1 else "MR" if channels else "",
        licence=str(table.get("licence", table.get("license", ""))),
        reference=str(table.get("reference", "")),
        notes=notes,
    )


def _listed(path: Path, table: dict[str, object]) -> list[tuple[Path, Path]]:
    entries = table.get("training", [])
    if not entries:
        return []
    try:
        pairs = [(path / str(e["image"]), path / str(e["label"])) for e in entries]  # type: ignore[attr-defined]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"The 'training' of {path / 'dataset.json'} is no list of images and labels.",
            'Write entries such as {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}.',
            str(error),
        ) from error
    return sorted(pairs, key=lambda pair: natural(pair[0].name))


def _found(path: Path) -> tuple[list[tuple[Path, Path]], tuple[str, ...]]:
    """Images and label maps of the same names, and a note on what is left out."""
    labels = cases_by_name(image_files(path / "labelsTr"))
    images = cases_by_name(image_files(path / "imagesTr"))
    lacking = [name for name in images if name not in labels]
    if lacking:
        raise lacking_label(lacking[0], len(lacking), path / "labelsTr")
    pairs = [(file, labels[name]) for name, file in images.items()]
    return pairs, labels_alone(images, labels, path / "labelsTr")
