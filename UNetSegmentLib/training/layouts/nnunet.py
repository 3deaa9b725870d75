"""nnU-Net's raw folder: ``imagesTr/NAME_0000.nii.gz`` and so on, ``labelsTr/NAME.nii.gz``, ``dataset.json``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...io.case_names import case_name, cases_by_name, channel_of, plain_text
from .dataset import CaseFiles, Dataset, Region
from .files import image_files, in_order, is_there, labels_alone, lacking_label, natural, read_json

_LISTED = 5


def matches(path: Path) -> bool:
    """Whether the folder is of this kind."""
    return (path / "imagesTr").is_dir() and "channel_names" in read_json(path / "dataset.json")


def read(path: Path) -> Dataset:
    """Reads ``channel_names``, ``labels`` (name to value, or to the values of a region), ``regions_class_order``.

    A label named ``ignore`` marks voxels that are not judged.

    Raises:
        InputError: a channel or label map is missing, or the table of contents is broken.
    """
    table = read_json(path / "dataset.json")
    channels = in_order(table["channel_names"])
    if not channels:
        raise InputError(f"The 'channel_names' of {path / 'dataset.json'} are no table of numbers and names.")
    labels, regions, ignored = _labels(table, path / "dataset.json")
    cases, notes = _listed(path, table), ()  # type: tuple[CaseFiles, ...], tuple[str, ...]
    if not cases:
        cases, notes = _cases(path, len(channels))
    return Dataset(
        name=str(table.get("name", path.resolve().name)),
        folder=path,
        layout="nnunet",
        cases=cases,
        channels=channels,
        labels=labels,
        regions=regions,
        ignored=ignored,
        modality=_modality(channels),
        licence=str(table.get("licence", table.get("license", ""))),
        reference=str(table.get("reference", "")),
        notes=notes,
    )


def _listed(path: Path, table: dict[str, Any]) -> tuple[CaseFiles, ...]:
    """The cases of a ``dataset`` entry, which names files that lie elsewhere; paths are relative to the folder."""
    try:
        cases = tuple(
            CaseFiles(plain_text(name), tuple(path / image for image in entry["images"]), path / entry["label"])
            for name, entry in table.get("dataset", {}).items()
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"The 'dataset' of {path / 'dataset.json'} is no table of images and labels.",
            'Write {"case": {"images": [...], "label": "..."}}.',
            str(error),
        ) from error
    for case in cases:
        missing = [file for file in (*case.images, case.label) if not is_there(file)]
        if missing:
            raise InputError(f"The case {case.name} names {missing[0]}, which is not there.", "Correct the path.")
    return tuple(sorted(cases, key=lambda case: natural(case.name)))


def _cases(path: Path, channels: int) -> tuple[tuple[CaseFiles, ...], tuple[str, ...]]:
    """The cases, and notes on the files that belong to none of them."""
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in image_files(path / "imagesTr"):
        numbered = channel_of(case_name(file))
        if numbered is None:
            raise InputError(
                f"'{file.name}' does not end in the number of its channel.", "Name it NAME_0000, NAME_0001 and so on."
            )
        name, number = numbered
        if number in found[name]:
            raise InputError(f"The case {name} has two files for channel {number:04}.", "Keep one of them in imagesTr.")
        found[name][number] = file
    labels = cases_by_name(image_files(path / "labelsTr"))
    lacking = [name for name in found if name not in labels]
    if lacking:
        raise lacking_label(lacking[0], len(lacking), path / "labelsTr")
    cases = []
    for name in sorted(found, key=natural):
        missing = [n for n in range(channels) if n not in found[name]]
        if missing:
            raise InputError(
                f"The case {name} has no file for channel {missing[0]:04}; dataset.json names {channels} channels.",
                f"Add {name}_{missing[0]:04}, or correct 'channel_names'.",
            )
        cases.append(CaseFiles(name, tuple(found[name][n] for n in range(channels)), labels[name]))
    notes = labels_alone(found, labels, path / "labelsTr")
    more = sorted({number for numbers in found.values() for number in numbers if number >= channels})
    if more:
        listed = ", ".join(f"{number:04}" for number in more[:_LISTED])
        notes += (f"imagesTr holds files of channels that dataset.json does not name; they are left out: {listed}.",)
    return tuple(cases), notes


def _labels(table: dict[str, Any], where: Path) -> tuple[dict[int, str], tuple[Region, ...], int | None]:
    """Names by value, regions, and the ignored value."""
    try:
        given = {
            plain_text(str(n)): tuple(map(int, v)) if isinstance(v, list) else int(v)
            for n, v in table["labels"].items()
        }
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"The 'labels' of {where} are no table of names and values.", 'Write {"background": 0, ...}.', str(error)
        ) from error
    ignored = given.pop("ignore", None)
    ignored = ignored if isinstance(ignored, int) else None
    foreground = {name: value for name, value in given.items() if value != 0}
    if not any(isinstance(value, tuple) for value in foreground.values()):
        return {value: name for name, value in foreground.items() if isinstance(value, int)}, (), ignored
    united = {name: value if isinstance(value, tuple) else (value,) for name, value in foreground.items()}
    order = table.get("regions_class_order", [])
    if not isinstance(order, list) or not all(isinstance(value, int) for value in order):
        raise InputError(f"The 'regions_class_order' of {where} is no list of values.", "Write [1, 2, 3].")
    if len(order) != len(united):
        raise InputError(
            f"{where} has {len(united)} regions and a 'regions_class_order' of {len(order)} entries.",
            "Give one value for each region, in the order of 'labels'.",
        )
    regions = tuple(Region(n, v, int(p)) for (n, v), p in zip(united.items(), order, strict=True))
    names = {value: f"Label {value}" for values in united.values() for value in values}
    names |= {values[0]: name for name, values in united.items() if len(values) == 1}
    return dict(sorted(names.items())), regions, ignored


def _modality(channels: tuple[str, ...]) -> str:
    words = {name.lower() for name in channels}
    if words == {"ct"}:
        return "CT"
    return "MR" if any(w.startswith(("t1", "t2", "flair", "mr")) for w in words) else ""
