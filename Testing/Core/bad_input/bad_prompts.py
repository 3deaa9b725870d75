"""Bad prompts, and what they are given on: as :mod:`bad_inputs`, for the command that corrects segmentations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bad_inputs import SHAPE, BadInput, Place, good_image, saved

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

Make = Callable[[Place], list[str]]
INSIDE, FREE = "voxel:14,12,10", "voxel:3,3,3"


def masks(place: Place, name: str = "mask.seg.nrrd", spacing: float = 1.0, empty: bool = False) -> Path:
    """A block of one segment, a second beside it, and one without voxels."""
    voxels = np.zeros(SHAPE, np.uint8)
    if not empty:
        voxels[6:14, 8:16, 8:20] = 1
        voxels[6:14, 16:20, 8:20] = 2
    labels = (Label(1, "Liver"), Label(2, "Kidney"), Label(3, "Nothing yet"))
    path = place.folder / name
    write_segmentation(Segmentation(voxels, Geometry(SHAPE[::-1], (spacing,) * 3), labels), path)
    return path


def refine(place: Place, *options: object, mask: Path | None = None) -> list[str]:
    source = mask if mask is not None else masks(place)
    return [str(part) for part in ("refine", good_image(place), source, place.target, "--force", *options)]


def on(segment: str, *options: object) -> Make:
    return lambda place: refine(place, "-s", segment, *options)


def markups(entry: Any) -> Make:
    """A Markups file of one entry, or any other JSON."""

    def make(place: Place) -> list[str]:
        path = place.folder / "prompt.mrk.json"
        path.write_text(json.dumps({"markups": [entry]} if isinstance(entry, dict) else entry))
        return refine(place, "-s", "Liver", "--exclude", path)

    return make


def cut_markups(place: Place) -> list[str]:
    command = markups({"type": "Fiducial", "controlPoints": [{"position": [1, 2, 3]}]})(place)
    path = Path(command[-1])
    path.write_text(path.read_text()[:40])
    return command


def wrong_probabilities(place: Place) -> list[str]:
    path = saved(place, np.full(SHAPE, 40.0, np.float32), "ct.nrrd")
    return refine(place, "-s", "Liver", "--include", FREE, "--probabilities", path)


CURVE = {"type": "ClosedCurve", "controlPoints": [{"position": [5, 5, 5]}, {"position": [9, 9, 9]}]}
ROI = {"type": "ROI", "center": [5, 5, 5], "size": [4, 4, 4]}

BAD_PROMPTS = [
    BadInput("no prompt", on("Liver"), 2, "There is no prompt.*--include"),
    BadInput("prompt outside the image", on("Liver", "--include", "900,0,0"), 3, "outside the image.*Nothing was wri"),
    BadInput("prompt of two numbers", on("Liver", "--include", "3,4"), 3, "neither coordinates nor.*x,y,z"),
    BadInput("prompt that is no number", on("Liver", "--include", "3,4,nan"), 3, "neither coordinates.*RAS"),
    BadInput("box without extent", on("Liver", "--include", "-1,-1,-2,-2,5,9"), 3, "holds nothing.*larger"),
    BadInput("reach of nothing", on("Liver", "--include", FREE, "--reach", "0"), 2, "--reach 0 makes no sense"),
    BadInput("unknown segment", on("Spleen", "--include", FREE), 3, "no segment 'Spleen'.*1 'Liver'"),
    BadInput("segment left open", lambda p: refine(p, "--include", FREE), 3, "has 3 segments.*--segment"),
    BadInput(
        "segment that is there", lambda p: refine(p, "--new", "LIVER", "--include", FREE), 3, "already.*--segment"
    ),
    BadInput("locked segment", on("Liver", "--locked", "1", "--include", FREE), 3, "'Liver' is locked.*Unlock"),
    BadInput(
        "prompt on a locked segment",
        on("Liver", "--locked", "Kidney", "--include", "voxel:14,18,10"),
        3,
        "on what may not change.*draw elsewhere",
    ),
    BadInput(
        "prompts on a mask of another image",
        lambda p: refine(p, "-s", "Liver", "--include", FREE, mask=masks(p, "m.nii.gz", 1.5)),
        3,
        "does not lie on the image's grid.*Resample",
    ),
    BadInput("second prompt outside", on("Liver", "--include", FREE, "--exclude", "900,0,0"), 3, "Prompt 2 .exclude"),
    BadInput("probabilities that are none", wrong_probabilities, 3, "no probabilities.*from 0 to 1"),
    BadInput("markups that are missing", on("Liver", "--include", "none.mrk.json"), 3, "does not exist.*spelling"),
    BadInput("truncated markups", cut_markups, 3, "not readable JSON.*Correct or replace"),
    BadInput("JSON that is no markups", markups({"a": 1}), 3, "no type of markups.*save it again"),
    BadInput("an angle", markups({"type": "Angle", "controlPoints": []}), 3, "an angle says nothing"),
    BadInput("a lasso of two points", markups(CURVE), 3, "encloses nothing.*save it again"),
    BadInput("a box inside out", markups({**ROI, "insideOut": True}), 3, "turned inside out.*save it again"),
    BadInput("markups in micrometres", markups({**ROI, "coordinateUnits": "um"}), 3, "unit is 'um', not mm"),
    BadInput("markups of voxels", markups({**ROI, "coordinateSystem": "IJK"}), 3, "no coordinate system.*LPS or RAS"),
    BadInput(
        "review of nothing", lambda p: ["review", str(p.folder / "none.seg.nrrd")], 3, "does not exist.*Check the path"
    ),
]


GOOD_PROMPTS: dict[str, Make] = {
    "empty segment": on("Nothing yet", "--include", FREE),
    "empty segmentation": lambda p: refine(p, "-s", "Liver", "--include", FREE, mask=masks(p, empty=True)),
    "prompts that contradict each other": on("Liver", "--include", INSIDE, "--exclude", INSIDE),
    "prompt that is so already": on("Liver", "--include", INSIDE),
    "a part of a prompt on a locked segment": on("Liver", "--locked", "2", "--exclude", "-10,-9,-20,-10,8,9"),
    "a lasso that crosses itself": markups(
        {
            "type": "ClosedCurve",
            "controlPoints": [{"position": [x, y, 10]} for x, y in ((8, 8), (18, 16), (18, 8), (8, 16))],
        }
    ),
    "a scribble along the border": markups(
        {"type": "Line", "controlPoints": [{"position": [8, 15.5, 10]}, {"position": [19, 15.5, 10]}]}
    ),
    "a stroke of 10,000 points": markups(
        {
            "type": "Curve",
            "controlPoints": [
                {"position": [14 + 4 * float(np.cos(a)), 12 + 3 * float(np.sin(a)), 10]}
                for a in np.linspace(0, 60, 10_000)
            ],
        }
    ),
    "a stroke that leaves the image": markups(
        {"type": "Line", "controlPoints": [{"position": [14, 12, 10]}, {"position": [140, 12, 10]}]}
    ),
}
"""What looks odd and is none the worse: each of these is obeyed."""
