"""Pictures of corrections: before, after one and after three prompts, for a leak, a missed part, a branch, a vessel.

``python Testing/Demos/correction_pictures.py [FOLDER]`` spoils masks of real images (``../shared/data``) as the
benchmark does, lets its robot correct them, and draws each into FOLDER: what is missing in blue, what is too much in
orange, the mask's border in its own colour, and the prompts so far. Prints the Dice of every state.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from refinement.cases import Case, cases
from refinement.measures import dice
from refinement.robot import click, scribble

from UNetSegmentLib.refinement import Point, Session
from UNetSegmentLib.reporting.drawing.agreement import EXTRA, MISSED
from UNetSegmentLib.reporting.drawing.canvas import MUTED, TEXT, Canvas, Color
from UNetSegmentLib.reporting.drawing.marks import Mark, MarkKind
from UNetSegmentLib.reporting.drawing.panels import Column, Panels, layers_of, view_around
from UNetSegmentLib.reporting.drawing.views import AXIAL, CORONAL, SAGITTAL, slice_plane
from UNetSegmentLib.volume import Segmentation

SHOWN: dict[str, tuple[str, str, Any]] = {
    "leak": ("leak", "aorta", scribble),
    "missed-part": ("missed", "vertebra T12", click),
    "branch": ("missed", "brachiocephalic", scribble),
    "vessel": ("vessels", "21_training", scribble),
}
"""Name of the picture: kind and name of the benchmark's case, and who prompts."""
STATES = (0, 1, 3)
COLOR: Color = (250, 215, 90)
EDGE, GAP, HEAD, FOOT = 32, 12, 124, 60


@dataclass(frozen=True, eq=False)
class State:
    """A mask after some prompts."""

    mask: np.ndarray
    marks: tuple[Mark, ...]
    title: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()) / "correction-pictures")
    parser.add_argument("--side", type=int, default=420, help="pixels of each picture")
    parser.add_argument("--only", nargs="+", choices=SHOWN, default=list(SHOWN))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        kind, title, robot = SHOWN[name]
        case = next(one for one in cases(kind) if one.name == title)
        states = corrected(case, robot)
        path = draw(case, states, arguments.folder / f"correcting-{name}.png", arguments.side)
        print(f"{name:12} {', '.join(state.title for state in states)}  {path}", flush=True)


def corrected(case: Case, robot: Any) -> list[State]:
    """The states of :data:`STATES`."""
    geometry = case.volume.geometry
    session = Session(case.volume, case.segmentation, case.label)
    marks: list[Mark] = []
    states = []
    for count in range(max(STATES) + 1):
        mask = session.segmentation.mask(case.label)
        if count in STATES:
            words = "Before" if not count else f"{count} prompt{'s' if count > 1 else ''}"
            title = f"{words}: Dice {dice(mask, case.reference):.3f}"
            states.append(State(mask, tuple(marks), title))
        prompt = robot(mask, case.reference, geometry)
        if prompt is None:
            break
        session.add(prompt)
        points = [prompt.position] if isinstance(prompt, Point) else prompt.points
        kind = MarkKind.POINT if isinstance(prompt, Point) else MarkKind.LINE
        marks.append(Mark(np.array(points), prompt.include, kind))
    return states


def draw(case: Case, states: Sequence[State], path: Path, side: int) -> Path:
    """A column for each state, a row for each plane through the first prompt."""
    geometry = case.volume.geometry
    flat = slice_plane(geometry)
    planes = (AXIAL, CORONAL, SAGITTAL) if flat is None else (flat,)
    first = states[-1].marks[0].points
    focus = first[len(first) // 2]
    wrong = np.argwhere(states[0].mask != case.reference)[:, ::-1]
    points = np.concatenate([geometry.to_physical(wrong), *(mark.points for mark in states[-1].marks)])
    panels = Panels(case.volume, view_around(points, focus, geometry, planes), planes, side)
    width = 2 * EDGE + len(states) * side + (len(states) - 1) * GAP
    canvas = Canvas(width, HEAD + len(planes) * (side + GAP) + FOOT)
    canvas.text(EDGE, 50, f"{case.name[0].upper()}{case.name[1:]}: {case.kind}", 30)
    canvas.text(EDGE, 82, case.volume.name, 19, MUTED)
    panels.draw_columns(canvas, EDGE, HEAD, [column(case, state) for state in states], GAP)
    x, y = float(EDGE), canvas.image.height - FOOT + 22
    for color, words in ((COLOR, "the mask"), (MISSED.color, "missing"), (EXTRA.color, "too much")):
        canvas.box(x, y - 10, 20, 20, color, 4)
        canvas.text(x + 28, y, words, 18, TEXT, "lm")
        x += 28 + canvas.width(words, 18) + 32
    canvas.image.save(path, optimize=True)
    return path


def column(case: Case, state: State) -> Column:
    geometry = case.volume.geometry
    errors = np.zeros(state.mask.shape, np.uint8)
    errors[case.reference & ~state.mask] = 1
    errors[state.mask & ~case.reference] = 2
    layers = layers_of(Segmentation(errors, geometry), {1: MISSED.color, 2: EXTRA.color}, filled=True)
    layers += layers_of(Segmentation(state.mask.astype(np.uint8), geometry), {1: COLOR})
    return Column(state.title, layers, state.marks)


if __name__ == "__main__":
    main()
