"""Cohort runs are killed at random moments and gone on with, and end like an undisturbed one.

``python Testing/Demos/kill_cohort.py [--kills 20] [--cases 40] [--each 5] [--previews]`` runs the bundled model on real
hippocampi of ``../shared/data`` once in peace, then in other folders, each killed ``--each`` times before it may end:
SIGKILL to all processes, to the driver alone, to the child that runs the network, SIGINT to all (Ctrl-C). Compared are
the table (but for times), the voxels and the pictures, the lines of the audit, and that no temporary file, half a
result or process is left. Exits with 1 when anything differs. Linux only: it looks for processes in /proc.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing"), str(ROOT / "Testing" / "Core" / "cohort")]

from killed_cohort import Killed, KilledCohort, random_kill  # noqa: E402

IMAGES = ROOT.parent / "shared" / "data" / "msd_hippocampus" / "images"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--each", type=int, default=5, help="kills of one run before it may end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--previews", action="store_true", help="compare pictures too")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        scans = scratch / "scans"
        scans.mkdir()
        for path in sorted(IMAGES.glob("*.nii.gz"))[: options.cases]:
            (scans / path.name).symlink_to(path)
        (scans / "broken.nii.gz").write_bytes(b"\x1f\x8b no more than that")
        count = options.cases + 1
        arguments = [str(scans), "-m", "hippocampus-t1", *([] if options.previews else ["--no-preview"])]

        def cohort(folder: str) -> KilledCohort:
            (scratch / f"tmp-{folder}").mkdir()
            return KilledCohort(arguments, scratch / folder, scratch / f"tmp-{folder}", count)

        calm = cohort("calm")
        started = time.monotonic()
        calm.finish()
        print(f"undisturbed: {count} cases in {time.monotonic() - started:.0f} s\n")
        print(f"{'kill':>4} {'sent to':<10} {'ended':>5}  {'while':<18} {'exit':>5}")
        wrong, kills = 0, []
        for first in range(0, options.kills, options.each):
            run = cohort(f"run{first}")
            seeds = range(first, min(first + options.each, options.kills))
            planned = [random_kill(options.seed + n, max(count // options.each, 1)) for n in seeds]
            # A run whose child was killed goes on to its end, and of one that is at its end there is no more to kill.
            planned.sort(key=lambda kill: (kill.more is None, kill.kind == "child"))
            for number, kill in zip(seeds, planned, strict=True):
                kills.append(run.killed(kill))
                print(line(number, kills[-1]), flush=True)
            run.finish()
            faults = run.remains() + run.differences(calm)
            wrong += bool(faults)
            print("     gone on with:", "EQUAL" if not faults else f"DIFFERENT: {'; '.join(faults)[:2000]}", flush=True)
    moments = ", ".join(f"{n} while {doing}" for doing, n in Counter(kill.doing for kill in kills).most_common())
    print(f"\n{len(kills)} kills ({moments}); {wrong} runs differ; {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def line(number: int, killed: Killed) -> str:
    return f"{number:>4} {killed.kill.kind:<10} {killed.ended:>5}  {killed.doing:<18} {killed.code:>5}"


if __name__ == "__main__":
    sys.exit(main())
