"""The JSON label table that lies beside a NIfTI label map: what each value means."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..labels import CodedTerm, Label, Terminology
from ..text import LONGEST_NAME, shown
from .atomic import atomic_path, stem
from .json_files import read_json

_log = logging.getLogger(__name__)

_FORMAT = "unetsegment-labels"
_TERMS = ("category", "type", "type_modifier", "region", "region_modifier")


def table_path(image: Path) -> Path:
    """Where the table of a label image lies: ``liver.nii.gz`` has ``liver.json``."""
    return image.with_name(stem(image) + ".json")


def write_label_table(path: Path, labels: Sequence[Label], algorithm: str = "", force: bool = False) -> None:
    """Writes the table, atomically.

    Args:
        force: also in the place of a JSON file of another make.

    Raises:
        OutputError: not writable, or a JSON file of another make stands there (e.g. a BIDS sidecar).
    """
    if not force:
        check_table_target(path)
    content = {
        "format": _FORMAT,
        "version": 1,
        "algorithm": shown(algorithm, LONGEST_NAME),
        "labels": [_to_dict(v) for v in labels],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check_table_target(path: Path) -> None:
    """Refuses to overwrite a JSON file that is not a label table."""
    if path.is_file() and _load(path) is None:
        raise OutputError(
            f"'{path.name}' exists and is not a label table, so it is not overwritten.",
            "Choose another name for the label map, or write .seg.nrrd, which needs no table.",
        )


def is_label_table(path: Path) -> bool:
    """Whether a table lies there, a broken one too: what it lies beside is a label map."""
    return path.is_file() and _load(path) is not None


def read_label_table(path: Path) -> tuple[Label, ...]:
    """The labels of a table; empty when there is none there or the JSON file is something else.

    Raises:
        InputError: it is a label table but a broken one.
    """
    if not path.is_file():
        return ()
    content = _load(path)
    if content is None:
        _log.info("%s is not a label table and is left out.", path.name)
        return ()
    try:
        return tuple(_from_dict(entry) for entry in content["labels"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The label table '{path.name}' is broken.",
            "Correct it, or move it away to read the image without names.",
            repr(error),
        ) from error


def _load(path: Path) -> dict[str, Any] | None:
    try:
        content = read_json(path)
    except InputError:
        return None
    return content if isinstance(content, dict) and content.get("format") == _FORMAT else None


def _to_dict(label: Label) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": label.value, "name": shown(label.name, LONGEST_NAME), "color": list(label.color)}
    if label.terminology is not None:
        terms = {name: getattr(label.terminology, name) for name in _TERMS}
        entry["terminology"] = {
            name: {key: shown(getattr(term, key), LONGEST_NAME) for key in ("scheme", "code", "meaning")}
            for name, term in terms.items()
            if term is not None
        } | {"context": label.terminology.context, "region_context": label.terminology.region_context}
    return entry


def _from_dict(entry: dict[str, Any]) -> Label:
    red, green, blue = (int(v) for v in entry["color"])
    return Label(int(entry["value"]), str(entry["name"]), (red, green, blue), _terminology(entry.get("terminology")))


def _terminology(entry: dict[str, Any] | None) -> Terminology | None:
    if not entry:
        return None
    terms = {
        name: CodedTerm(entry[name]["scheme"], entry[name]["code"], entry[name]["meaning"])
        for name in _TERMS
        if name in entry
    }
    contexts = {name: str(entry[name]) for name in ("context", "region_context") if name in entry}
    return Terminology(**terms, **contexts)  # type: ignore[arg-type]
