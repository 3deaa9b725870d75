"""A robot or a person's strokes against something that corrects."""

import time
from typing import NamedTuple

from . import robot
from .corrector import OurSession
from .measures import dice, nsd


class Step(NamedTuple):
    """After one prompt: agreement with the reference, and how long the prompt took."""

    dice: float
    nsd: float
    seconds: float


def play(corrector, case, clicks=5, prompt=None, surfaces=True):
    """Agreement before the first prompt and after each of ``clicks``: a list of ``clicks + 1`` steps.

    Args:
        corrector: None for our session, a method of our session (it has ``solve``), or a function of a case that gives
            an object with ``add(prompt)`` and ``mask``.
        case: what is to be corrected.
        clicks: prompts at most; once nothing is wrong, the last step is repeated.
        prompt: the robot, ``robot.click`` or ``robot.scribble``; by default the case's own.
        surfaces: whether to measure NSD (0 otherwise).
    """
    if case.strokes:
        return _strokes(corrector, case, surfaces)
    hand = prompt or getattr(robot, case.robot)
    taking = _started(corrector, case)
    steps = [_step(taking.mask, case, 0.0, surfaces)]
    while len(steps) <= clicks:
        next_one = hand(taking.mask, case.reference, case.volume.geometry)
        if next_one is None:
            steps.append(steps[-1]._replace(seconds=0.0))
            continue
        began = time.perf_counter()
        taking.add(next_one)
        mask = taking.mask
        steps.append(_step(mask, case, time.perf_counter() - began, surfaces))
    return steps


def _strokes(corrector, case, surfaces):
    """All strokes that a person drew: before them and after them."""
    taking = _started(corrector, case)
    steps = [_step(taking.mask, case, 0.0, surfaces)]
    began = time.perf_counter()
    for stroke in case.strokes:
        taking.add(stroke)
    mask = taking.mask
    return [*steps, _step(mask, case, time.perf_counter() - began, surfaces)]


def _started(corrector, case):
    if corrector is None:
        return OurSession(case)
    return OurSession(case, corrector) if hasattr(corrector, "solve") else corrector(case)


def _step(mask, case, seconds, surfaces):
    spacing = case.volume.geometry.array_spacing
    return Step(dice(mask, case.reference), nsd(mask, case.reference, spacing) if surfaces else 0.0, seconds)
