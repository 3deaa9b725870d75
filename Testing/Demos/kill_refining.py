"""Workers that correct masks are killed at random moments, and no stroke is lost.

``python Testing/Demos/kill_refining.py [SESSIONS]`` makes 50 sessions of random prompts, strokes by hand, undos, redos,
resets and removals, on a turned image with thick slices, kills the worker of each once (SIGKILL), and compares the mask
after every call with that of the same calls in an undisturbed session in this process. Exits with 1 when one differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Core" / "worker"))

from killing import Killer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sessions", nargs="?", type=int, default=50)
    sessions = parser.parse_args().sessions
    began = time.monotonic()
    print(f"{'session':>7} {'calls':>5} {'answered':>8}  {'killed while':<12} {'after ms':>8}  masks")
    with tempfile.TemporaryDirectory() as folder:
        killer = Killer(Path(folder))
        rows = []
        for seed in range(sessions):
            row = killer.session(seed)
            rows.append(row)
            verdict = ("equal" if row.equal else "DIFFERENT") if row.replaced else "NOT REPLACED"
            counts = f"{row.seed:>7} {row.calls:>5} {row.answered:>8}"
            print(f"{counts}  {row.doing:<12} {row.milliseconds:>8.1f}  {verdict}", flush=True)
        killer.close()
    equal = sum(row.equal and row.replaced for row in rows)
    moments = ", ".join(f"{count} while {doing}" for doing, count in Counter(row.doing for row in rows).most_common())
    print(f"\n{equal} of {sessions} sessions equal; killed {moments}; {time.monotonic() - began:.0f} s")
    sys.exit(equal != sessions)


if __name__ == "__main__":
    main()
