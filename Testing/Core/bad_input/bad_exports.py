"""Exports that cannot be: as :mod:`bad_inputs`, for the command that writes networks for other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bad_inputs import BadInput, Place, bytes_file, edit_card, good_image, package_with


def export(*options: object, change: Callable[[Path], None] | None = None) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        package = place.package if change is None else package_with(place, change)
        filled = [place.folder / option if str(option).startswith("a.") else option for option in options]
        return [str(part) for part in ("export", package, *filled)]

    return command


def existing(place: Place) -> list[str]:
    bytes_file(place, "a.ts", b"the one before")
    return export("--torchscript", "a.ts")(place)


def program(place: Place) -> list[str]:
    file = bytes_file(place, "a.onnx", b"an ONNX file")
    return [str(part) for part in ("segment", good_image(place), place.target, "--force", "--model", file)]


def engine(place: Place) -> list[str]:
    file = bytes_file(place, "a.engine", b"an engine")
    return [str(part) for part in ("segment", good_image(place), place.target, "--force", "--model", file)]


def licence(card: dict) -> None:
    card["licence"] = "CC BY-NC-ND 4.0"


BAD_EXPORTS = (
    BadInput("export without a format", export(), 2, "No format.*--onnx"),
    BadInput("export under another format's ending", export("--onnx", "a.pb"), 3, r"does not end in \.onnx.*a\.onnx"),
    BadInput("export over a file", existing, 5, "exists already.*--force"),
    BadInput("export of a fold that is not there", export("--torchscript", "a.ts", "--fold", "3"), 4, "no fold 3"),
    BadInput(
        "export with a patch that the network cannot halve",
        export("--torchscript", "a.ts", "--patch", "15,16,16"),
        3,
        "multiples of 2 x 2 x 2",
    ),
    BadInput("export in INT8 without images", export("--onnx", "a.onnx", "--int8"), 3, "real images.*--cases"),
    BadInput(
        "export of a model whose licence forbids it",
        export("--torchscript", "a.ts", change=edit_card(licence)),
        4,
        "forbids derivatives.*Ask its author",
    ),
    BadInput("an ONNX file as a model", program, 4, "is a program.*unetsegment import .*--trust"),
    BadInput("a TensorRT engine as a model", engine, 4, "bound to one device.*--backend tensorrt"),
)
