"""What all layouts do with files: list them, sort them as people do, read a table of contents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...io import json_files
from ...io.case_names import is_image_file, plain_text
from ...text import shown

_LARGEST = 65_535
_LISTED = 5


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers by their size: slice 2 before slice 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def image_files(folder: Path) -> list[Path]:
    """The images in a folder, in natural order.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.", "Give a folder with images/ and labels/ in it.")
    return sorted(filter(is_image_file, folder.iterdir()), key=lambda p: natural(p.name))


def is_there(path: Path, folder: bool = False) -> bool:
    """Whether a file (or a ``folder``) that a table names exists; a name that no file can have does not."""
    try:
        return path.is_file() or (folder and path.is_dir())
    except (OSError, ValueError):
        return False


def read_json(path: Path) -> dict[str, Any]:
    """A table of contents; empty when there is none.

    Raises:
        InputError: not a JSON object.
    """
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        content = json_files.read_json(path)
    except InputError as error:
        raise InputError(
            f"{path} is not a readable table of contents: {error.cause}", error.cure, error.detail
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a readable table of contents: it holds no JSON object.", "Begin it with '{' and keys."
        )
    return content


def label_names(table: Any, where: Path) -> dict[int, str]:
    """Names by value, without background, of ``{"1": "liver"}`` or ``["background", "liver"]``.

    Raises:
        InputError: something else.
    """
    try:
        pairs: Iterable[tuple[Any, Any]] = enumerate(table) if isinstance(table, list) else table.items()
        return {int(value): plain_text(str(name)) for value, name in pairs if int(value) != 0}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"The 'labels' of {where} are no table of values and names.", 'Write them as {"1": "name"}.', str(error)
        ) from error


def named_folds(table: Any, where: Path) -> tuple[tuple[str, ...], ...]:
    """Folds as lists of case names.

    Raises:
        InputError: something else.
    """
    try:
        return tuple(tuple(plain_text(str(name)) for name in fold) for fold in table)
    except TypeError as error:
        raise InputError(
            f"The 'folds' of {where} are no lists of case names.", "Correct the file.", str(error)
        ) from error


def ignored_value(table: dict[str, Any], where: Path) -> int | None:
    """The label value of voxels that are not judged, ``ignored``.

    Raises:
        InputError: no whole number that a label map can hold.
    """
    value = table.get("ignored")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST):
        raise InputError(f"The 'ignored' of {where} is {shown(value, 40)}.", f"Give a value from 1 to {_LARGEST}.")
    return value


def named_channels(table: dict[str, Any], where: Path) -> tuple[str, ...]:
    """The names under ``channels``, a list; empty where there is none.

    Raises:
        InputError: something else.
    """
    names = table.get("channels", [])
    if not isinstance(names, list):
        raise InputError(f"The 'channels' of {where} are no list of names.", 'Write ["T1", "T2"].')
    return tuple(plain_text(str(name)) for name in names)


def in_order(table: Any) -> tuple[str, ...]:
    """Names of ``{"0": "T1", "1": "T2"}`` by number; empty for anything else."""
    if not isinstance(table, dict) or not all(key.isascii() and key.isdigit() for key in table):
        return ()
    return tuple(plain_text(str(table[key])) for key in sorted(table, key=int))


def labels_alone(images: Iterable[str], labels: Iterable[str], folder: Path) -> tuple[str, ...]:
    """A note on the label maps without an image, by the names of cases."""
    alone = sorted(set(labels) - set(images), key=natural)
    if not alone:
        return ()
    which = f"1 label map in {folder.name} has" if len(alone) == 1 else f"{len(alone)} label maps in {folder.name} have"
    listed = ", ".join(f"'{shown(name, 40)}'" for name in alone[:_LISTED]) + (", ..." if len(alone) > _LISTED else "")
    return (f"{which} no image and cannot be learned from: {listed}.",)


def lacking_label(name: str, count: int, folder: Path) -> InputError:
    """The error for images without a label map."""
    return InputError(
        f"The case {name} has an image but no label file ({count} such cases).",
        f"Put its label map into {folder} under the same name, or remove the image.",
    )
