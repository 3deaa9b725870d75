"""Doubtful places, found in a process of its own: a folder with arrays goes in, a list of places comes out.

::

    ask(folder, segmentation, volume, uncertainty)      # who wants to know: writes the folder
    review_command(python, folder)                      # the process to run; it ends by itself
    answer(folder)                                      # after its end: the places, or the error that it met
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UNetSegmentError
from ..geometry import Box, Geometry
from ..labels import Label
from ..refinement import DoubtfulPlace, Kind, Reason, review_places
from ..reporting.units import SizeKind
from ..volume import Segmentation, Volume
from .errors import error_from_code

_CASE, _PLACES = "case.json", "places.json"
_ARRAYS = ("labels", "image", "uncertainty")


def review_command(python: str | None, folder: Path) -> list[str]:
    """The command that looks for the doubtful places of what :func:`ask` has written to ``folder``. ``python``: the
    interpreter; None is the running one."""
    return [python or sys.executable, "-m", "UNetSegmentLib.worker.reviewing", str(folder)]


def ask(
    folder: Path,
    segmentation: Segmentation,
    volume: Volume | None = None,
    uncertainty: np.ndarray | None = None,
    segments: Collection[int] | None = None,
) -> None:
    """Writes what the process needs.

    Args:
        folder: private, empty.
        segmentation: as it is now.
        volume: the image, on the same grid.
        uncertainty: of a model, (z, y, x) on the same grid; the image is not needed then.
        segments: label values that are reviewed; None: all.

    Raises:
        OSError: the folder cannot be written.
    """
    grid = segmentation.geometry
    case = {
        "size": grid.size,
        "spacing": grid.spacing,
        "origin": grid.origin,
        "direction": grid.direction,
        "labels": [[label.value, label.name] for label in segmentation.labels],
        "segments": None if segments is None else sorted(segments),
    }
    arrays = (segmentation.voxels, None if volume is None else volume.voxels, uncertainty)
    for name, array in zip(_ARRAYS, arrays, strict=True):
        if array is not None:
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / _CASE).write_text(json.dumps(case), encoding="utf-8")


def answer(folder: Path) -> tuple[DoubtfulPlace, ...]:
    """The places that the process has found, the most doubtful first.

    Raises:
        UNetSegmentError: what it met, or that it ended without a word.
    """
    try:
        told = json.loads((folder / _PLACES).read_text(encoding="utf-8"))
        if "problem" in told:
            raise error_from_code(*told["problem"])
        return tuple(_place(folder, number, entry) for number, entry in enumerate(told["places"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UNetSegmentError(
            "The doubtful places could not be found: the process that looks for them has ended early.",
            "Try again; close other programs if memory is short.",
            str(error),
        ) from error


def work(folder: Path) -> None:
    """What the process does: reads the folder, looks, writes the places or the error into it."""
    try:
        told: dict[str, Any] = {"places": [_entry(folder, n, p) for n, p in enumerate(_looked_for(folder))]}
    except UNetSegmentError as error:
        told = {"problem": [error.code, error.cause, error.cure, error.detail]}
    (folder / _PLACES).write_text(json.dumps(told), encoding="utf-8")


def _looked_for(folder: Path) -> tuple[DoubtfulPlace, ...]:
    case = json.loads((folder / _CASE).read_text(encoding="utf-8"))
    grid = Geometry(*(tuple(case[name]) for name in ("size", "spacing", "origin", "direction")))
    labels = tuple(Label(value, name) for value, name in case["labels"])
    arrays = {name: _array(folder / f"{name}.npy") for name in _ARRAYS}
    voxels, image, uncertainty = (arrays[name] for name in _ARRAYS)
    assert voxels is not None
    return review_places(
        Segmentation(voxels, grid, labels),
        uncertainty=uncertainty,
        volume=None if image is None else Volume(image, grid),
        segments=case["segments"],
    )


def _array(path: Path) -> np.ndarray | None:
    return np.load(path, mmap_mode="r", allow_pickle=False) if path.is_file() else None


def _entry(folder: Path, number: int, place: DoubtfulPlace) -> dict[str, Any]:
    np.save(_inside(folder, number), place.inside, allow_pickle=False)
    return {
        "segment": int(place.segment),
        "kind": place.kind.name,
        "reason": place.reason.name,
        "score": float(place.score),
        "position": [float(value) for value in place.position],
        "index": [int(value) for value in place.index],
        "size_ml": float(place.size_ml),
        "start": [int(value) for value in place.box.start],
        "stop": [int(value) for value in place.box.stop],
        "now": int(place.now),
        "likelihood": float(place.likelihood),
        "size_kind": place.size_kind.name,
        "area_mm2": None if place.area_mm2 is None else float(place.area_mm2),
    }


def _place(folder: Path, number: int, entry: Mapping[str, Any]) -> DoubtfulPlace:
    x, y, z = entry["position"]
    k, j, i = entry["index"]
    (a, b, c), (d, e, f) = entry["start"], entry["stop"]
    return DoubtfulPlace(
        segment=entry["segment"],
        kind=Kind[entry["kind"]],
        reason=Reason[entry["reason"]],
        score=entry["score"],
        position=(x, y, z),
        index=(k, j, i),
        size_ml=entry["size_ml"],
        box=Box((a, b, c), (d, e, f)),
        inside=np.load(_inside(folder, number), allow_pickle=False),
        now=entry["now"],
        likelihood=entry["likelihood"],
        size_kind=SizeKind[entry["size_kind"]],
        area_mm2=entry["area_mm2"],
    )


def _inside(folder: Path, number: int) -> Path:
    return folder / f"place-{number}.npy"


if __name__ == "__main__":
    work(Path(sys.argv[1]))
