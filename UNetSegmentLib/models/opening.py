"""The first look into a model package: which files it has, and what its card says. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ModelError
from .card import ModelCard
from .files import CARD, MAX_CARD_BYTES, PackageFiles, not_allowed, package_files, read_file
from .serialization import card_from_text
from .weights import is_pickle_name, pickle_error


def read_card(path: str | Path) -> ModelCard:
    """The card of the package at ``path`` (folder or zip), without looking at the weights. Imports no torch.

    Raises:
        ModelError: there is no package, or its card is broken, at odds with itself or too new.
    """
    return open_package(Path(path))[0]


def open_package(path: Path) -> tuple[ModelCard, PackageFiles]:
    """The card and the files of the package at ``path`` (folder, its card, or zip).

    Raises:
        ModelError: there is no package, or its card is broken, at odds with itself or too new.
    """
    try:
        path = _existing(path)
    except (OSError, ValueError) as error:
        raise not_allowed(path, error if isinstance(error, OSError) else OSError(str(error))) from error
    files = package_files(path)
    if not files.has(CARD):
        foreign = _foreign_files(path)
        if foreign:
            raise pickle_error(foreign[0])
        raise ModelError(
            f"'{path}' is no model package: it holds no {CARD}.",
            "Choose the folder (or .zip) that holds model.json and the weights.",
        )
    return card_from_text(read_file(files, CARD, MAX_CARD_BYTES)), files


_PROGRAMS = (".onnx", ".ts", ".jit", ".torchscript")
_ENGINES = (".engine", ".plan")


def _no_package(path: Path) -> ModelError:
    """The error for a network in another program's format."""
    if path.suffix.lower() in _ENGINES:
        return ModelError(
            f"'{path.name}' is a TensorRT engine, bound to one device and version, and no model package.",
            "Give the model that it was made from, and the backend 'tensorrt' (--backend tensorrt).",
        )
    return ModelError(
        f"'{path.name}' is a program, and no model package yet.",
        f"If you trust where it comes from, import it first: unetsegment import {path} --trust",
    )


def _existing(path: Path) -> Path:
    """The folder or zip that ``path`` means.

    Raises:
        ModelError: there is none, or it is a pickle.
        OSError: it may not be looked at.
    """
    if not path.exists():
        raise ModelError(
            f"There is no model at '{path}'.", "Check the path; it must be a package's folder or its .zip."
        )
    if path.is_file() and is_pickle_name(path.name):
        raise pickle_error(path.name)
    if path.is_file() and path.suffix.lower() in (*_PROGRAMS, *_ENGINES):
        raise _no_package(path)
    if path.name == CARD and path.is_file():
        path = path.parent
    if path.is_dir():
        with os.scandir(path) as items:
            next(items, None)
    return path


def _foreign_files(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    return sorted(item.name for item in path.iterdir() if is_pickle_name(item.name))
