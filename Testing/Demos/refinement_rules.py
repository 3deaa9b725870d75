"""The hard rules of correcting a mask on random sessions, and how often each was judged, as one table.

    python Testing/Demos/refinement_rules.py [--examples 500]

Every session is a random image and label map (oblique, flipped and anisotropic grids, single slices, all number types)
with up to seven steps: points, scribbles, brushes, lassos and boxes of several segments, strokes by hand, undo, redo,
reset and remove. Each kind of method gets as many: our own, and such as answer everything, nothing, at random, the
inverse, numbers, or write over what they were given. Ends with 1 when a rule is broken, and prints the smallest session
that breaks it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from refinement_rules import play, players  # noqa: E402
from refinement_scenes import scenes, steps  # noqa: E402


def judged(name: str, examples: int) -> tuple[int, Counter[str]]:
    """Plays random sessions with one kind of method: how many, and how often each rule was judged in them."""
    sessions, counted = 0, Counter[str]()
    method = players()[name]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def random_session(data: st.DataObject) -> None:
        nonlocal sessions
        scene = data.draw(scenes())
        counted.update(play(scene, data.draw(steps(scene.volume.geometry)), method()))
        sessions += 1

    random_session()
    return sessions, counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=500, help="random sessions with each kind of method")
    options = parser.parse_args()
    total, began = Counter[str](), time.monotonic()
    print(f"{'method':<12} {'sessions':>9} {'judgements':>11}")
    for name in players():
        sessions, counted = judged(name, options.examples)
        total.update(counted)
        total["sessions"] += sessions
        print(f"{name:<12} {sessions:>9,} {counted.total():>11,}", flush=True)
    sessions = total.pop("sessions")
    print(f"\n{'rule':<70} {'judged':>9}")
    for rule, times in total.most_common():
        print(f"{rule:<70} {times:>9,}")
    print(f"\n{sessions:,} sessions, {total.total():,} judgements, none broken, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
