"""Compressions that cannot be: as :mod:`bad_inputs`, for the command that makes models smaller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from bad_inputs import BadInput, Place, edit_card, package_with, saved, voxels


def compress(
    *options: object,
    cases: Callable[[Place], Path] | None = None,
    change: Callable[[Path], None] | None = None,
    out: str = "small",
) -> Callable[[Place], list[str]]:
    """The command with images alone as cases, and the intact package, where nothing else is said."""

    def command(place: Place) -> list[str]:
        package = place.package if change is None else package_with(place, change)
        folder = (cases or images(3))(place)
        return [str(part) for part in ("compress", package, "--cases", folder, "-o", place.folder / out, *options)]

    return command


def images(count: int, channels: int = 1) -> Callable[[Place], Path]:
    """A folder of so many images without labels."""

    def make(place: Place) -> Path:
        folder = place.folder / "cases"
        folder.mkdir()
        for number in range(count):
            saved(place, np.stack([voxels()] * channels), f"cases/{number}.nii.gz")
        return folder

    return make


def nowhere(place: Place) -> Path:
    return place.folder / "nowhere"


def licence(card: dict) -> None:
    card["licence"] = "CC BY-NC-ND 4.0"


def int8_form(folder: Path) -> None:
    """A package that says it has an INT8 form."""
    import hashlib

    files = {"int8-fold0.xml": b"<net/>", "int8-fold0.bin": b"0"}

    def named(card: dict) -> None:
        form = {"kind": "int8-openvino", "files": [list(files)], "made_with": "nncf", "calibration": "8 tiles"}
        card["forms"] = [form]
        card["digests"] |= {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    for name, content in files.items():
        (folder / name).write_bytes(content)
    edit_card(named)(folder)


def itself(place: Place) -> list[str]:
    package = package_with(place, edit_card(lambda card: None))
    return ["compress", str(package), "--int8", "--cases", str(images(3)(place)), "-o", str(package), "--force"]


BAD_COMPRESSIONS = (
    BadInput("compress without a way", compress(), 2, "no way of compressing.*Add"),
    BadInput("compress with cases that are not there", compress("--int8", cases=nowhere), 3, "no folder.*Give"),
    BadInput("compress with an empty folder of cases", compress("--int8", cases=images(0)), 3, "is empty.*Give"),
    BadInput("compress with one case", compress("--int8", cases=images(1)), 3, "too few.*Add cases"),
    BadInput(
        "compress with images of two channels",
        compress("--int8", cases=images(3, 2)),
        3,
        "Case .*needs 1 input channel.*Give one",
    ),
    BadInput("compress with a fold of images alone", compress("--int8", "--fold", 0), 3, "no folds.*Leave --fold out"),
    BadInput("compress with a loss that is none", compress("--int8", "--max-loss", "nan"), 2, "makes no sense.*Give"),
    BadInput("compress with no tiles", compress("--int8", "--calibration", 0), 2, "makes no sense.*Give"),
    BadInput(
        "compress with fine-tuning but no labels",
        compress("--int8", "--finetune", 9),
        3,
        "label maps.*leave --finetune",
    ),
    BadInput(
        "compress a model whose licence forbids it",
        compress("--int8", change=edit_card(licence)),
        4,
        "forbids derivatives.*Ask its author",
    ),
    BadInput(
        "compress a model that is INT8 already", compress("--int8", change=int8_form), 4, "INT8 form already.*--force"
    ),
    BadInput("compress a model onto itself", itself, 5, "is the model that is to be compressed.*Choose another"),
    BadInput("compress into a folder of something else", compress("--int8", out="cases"), 5, "is no model.*new folder"),
    BadInput(
        "compress into a folder that is not there", compress("--int8", out="no/where"), 5, "does not exist.*Create"
    ),
)
