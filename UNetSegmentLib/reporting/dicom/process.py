"""``python -m UNetSegmentLib.reporting.dicom.process``: :func:`~.saving.save_beside` in a process of its own, for
programs whose window must not stand still.

stdin: a line of JSON (:func:`order_line`), then the label map's bytes. stdout: lines of JSON, ``{"step": name}`` for
each step, at the end ``{"done": [paths], "notes": [...]}`` or ``{"problem": {code, cause, cure, detail}}``. stdin is to
stay open: when it is closed before the end, whoever asked is gone or wants it no more.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UNetSegmentError
from ...geometry import Geometry
from ...io.dicom_objects.author import Author
from ...labels import Label, Terminology
from ...volume import Segmentation
from .saving import DicomOrder, save_beside


def order_line(order: DicomOrder, segmentation: Segmentation) -> bytes:
    """The first line; ``segmentation.voxels`` (C order, uint8 or uint16) follow it as they are."""
    grid = segmentation.geometry
    return (
        json.dumps(
            {
                "files": [str(file) for file in order.files],
                "seg": str(order.seg),
                "report": str(order.report),
                "staging": str(order.staging),
                "kind": order.kind,
                "author": dataclasses.asdict(order.author),
                "others": {str(value): dataclasses.asdict(author) for value, author in order.others.items()},
                "labels": [_label_fields(label) for label in segmentation.labels],
                "grid": [grid.size, grid.spacing, grid.origin, grid.direction],
                "dtype": segmentation.voxels.dtype.name,
            }
        )
        + "\n"
    ).encode("ascii")


def main() -> None:
    """Reads, saves, answers."""
    target = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    with os.fdopen(target, "w", encoding="utf-8") as answers:

        def answer(**fields: Any) -> None:
            answers.write(json.dumps(fields) + "\n")
            answers.flush()

        try:
            order, segmentation = _read(sys.stdin.buffer)
            threading.Thread(target=_watch, args=(sys.stdin.fileno(), order.staging), daemon=True).start()
            notes = save_beside(order, segmentation, lambda step: answer(step=step))
            answer(done=[str(order.seg), str(order.report)], notes=notes)
        except UNetSegmentError as error:
            answer(problem={"code": error.code, "cause": error.cause, "cure": error.cure, "detail": error.detail})
        except Exception:
            cause = "The DICOM objects could not be made."
            cure = "Copy the details and report them."
            answer(problem={"code": "internal", "cause": cause, "cure": cure, "detail": traceback.format_exc()})


def _watch(stdin: int, staging: Path) -> None:
    """Ends this process when its input is closed. Slicer starts it through a launcher, and can kill but that one."""
    while os.read(stdin, 4096):
        pass
    shutil.rmtree(staging, ignore_errors=True)
    os._exit(1)


def _read(stream: Any) -> tuple[DicomOrder, Segmentation]:
    told = json.loads(stream.readline())
    size, spacing, origin, direction = told["grid"]
    geometry = Geometry(tuple(size), tuple(spacing), tuple(origin), tuple(direction))
    kind = np.dtype(told["dtype"])
    voxels = np.frombuffer(stream.read(int(np.prod(size)) * kind.itemsize), kind).reshape(geometry.shape)
    labels = tuple(_label(fields) for fields in told["labels"])
    order = DicomOrder(
        tuple(Path(file) for file in told["files"]),
        Path(told["seg"]),
        Path(told["report"]),
        Path(told["staging"]),
        Author(**told["author"]),
        {int(value): Author(**author) for value, author in told["others"].items()},
        told["kind"],
    )
    return order, Segmentation(voxels, geometry, labels)


def _label_fields(label: Label) -> list[Any]:
    terms = label.terminology
    return [label.value, label.name, label.color, terms.slicer_entry() if terms is not None else ""]


def _label(fields: list[Any]) -> Label:
    value, name, color, terms = fields
    return Label(value, name, tuple(color), Terminology.from_slicer_entry(terms))


if __name__ == "__main__":
    main()
