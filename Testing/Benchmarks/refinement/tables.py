"""Records as Markdown."""

from itertools import pairwise
from statistics import mean, median

from .cases import HALVES
from .records import area, curve

SETS = {"ACDC": "heart MR", "CHAOS": "abdominal MR", "OASIS": "brain MR", "PanDental": "dental X-ray"}


def markdown(header, rows):
    """A table; every cell is text already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def clicks(records, kinds, methods, halves=HALVES):
    """Curves of the robots: a line for each kind, half and method."""
    header = ["start", "half", "cases", "method", "before", "1", "3", "5", "AUC", "NSD 5", "NSD AUC"]
    rows = []
    for kind in kinds:
        for half in halves:
            for method in methods:
                played = list(records.steps(method, kind, half).values())
                if played:
                    rows.append([kind, half, str(len(played)), method, *_curve(played)])
    return markdown([*header, "worst step", "median s", "worst s"], rows)


def people(records, methods, halves=HALVES):
    """Dice of people's strokes, by the set that the pictures are from, and over all strokes."""
    header = ["method", "half", *(f"{name} ({what})" for name, what in SETS.items()), "all", "worst s"]
    rows = []
    for method in methods:
        for half in halves:
            played = records.steps(method, "people", half)
            if not played:
                continue
            parts = [[steps for name, steps in played.items() if name.startswith(one)] for one in SETS]
            means = [_three(mean(steps[-1].dice for steps in part)) if part else "" for part in parts]
            total = _three(mean(steps[-1].dice for steps in played.values()))
            slowest = max(steps[-1].seconds for steps in played.values())
            rows.append([method, half, *means, total, f"{slowest:.2f}"])
    return markdown(header, rows)


def each_case(records, method, kinds):
    """A line for each case: Dice/NSD before and after each prompt."""
    lines = []
    for kind in kinds:
        for half in HALVES:
            for name, steps in records.steps(method, kind, half).items():
                along = " ".join(f"{step.dice:.3f}/{step.nsd:.3f}" for step in steps)
                lines.append(f"{kind:8} {half:6} {name:28} {along}  AUC {area(steps):.3f}")
    return "\n".join(lines)


def _curve(played):
    dice, nsd = curve(played), curve(played, "nsd")
    at = [_three(dice[n]) if n < len(dice) else "" for n in (0, 1, 3, 5)]
    areas = [mean(area(steps, what) for steps in played) for what in ("dice", "nsd")]
    seconds = [step.seconds for steps in played for step in steps[1:]]
    worst = min(b.dice - a.dice for steps in played for a, b in pairwise(steps))
    return [
        *at,
        _three(areas[0]),
        _three(nsd[-1]),
        _three(areas[1]),
        f"{min(worst, 0):+.3f}",
        f"{median(seconds):.2f}",
        f"{max(seconds):.2f}",
    ]


def _three(value):
    return f"{value:.3f}"
