"""A cohort on a real Ray cluster of two local actors, one of which is killed in the middle, against one process.

``python Testing/Demos/ray_killed.py [CASES]`` runs the bundled model on 16 real hippocampi of ``../shared/data`` and a
broken file, first in one process, then on two actors; after the fourth case one of them gets SIGKILL. Compared are the
rows and the voxels. Exits with 1 when they differ, or nothing was killed. Linux only: it looks for processes in /proc.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing"), str(ROOT / "Testing" / "Core" / "cohort")]

from demo_tools import claim  # noqa: E402
from killed_cohort import descendants  # noqa: E402

from UNetSegmentLib.cohort.case import Found  # noqa: E402
from UNetSegmentLib.cohort.cluster.engine import RayEngine  # noqa: E402
from UNetSegmentLib.cohort.cluster.resources import RayResources  # noqa: E402
from UNetSegmentLib.cohort.finding.inputs import find_cases  # noqa: E402
from UNetSegmentLib.cohort.finding.wanted import Wanted  # noqa: E402
from UNetSegmentLib.cohort.job import CohortJob  # noqa: E402
from UNetSegmentLib.cohort.record import Record  # noqa: E402
from UNetSegmentLib.cohort.run import Engine, Outcome, run_cohort  # noqa: E402
from UNetSegmentLib.cohort.running.driver import Driver  # noqa: E402
from UNetSegmentLib.io import read_segmentation  # noqa: E402
from UNetSegmentLib.models import find_model, read_card  # noqa: E402

IMAGES = ROOT.parent / "shared" / "data" / "msd_hippocampus" / "images"
JOB = CohortJob("hippocampus-t1", preview=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="?", type=int, default=16)
    count = parser.parse_args().cases
    # The cluster's processes must find this checkout.
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"
    card = read_card(find_model(JOB.model))
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        broken = scratch / "broken.nii.gz"
        broken.write_bytes(b"")
        images = [*sorted(IMAGES.glob("*.nii.gz"))[:count], broken]
        found, digest = find_cases(images, Wanted.by(card)), JOB.digest(card)
        alone = timed("one process", found, Driver(JOB, digest, scratch / "alone"), digest, scratch / "alone")
        resources = RayResources("local", actors=2, cpus=0.5)
        killed: list[int] = []
        seen: list[Record] = []

        def ended(record: Record) -> None:
            seen.append(record)
            if len(seen) == 4:
                killed.append(next(pid for pid, line in descendants(os.getpid()) if b"CaseActor" in line))
                os.kill(killed[0], signal.SIGKILL)
                print(f"after {record.case}: actor {killed[0]} is killed", flush=True)

        engine = RayEngine(JOB, digest, scratch / "ray", resources)
        there = timed("two actors, one killed", found, engine, digest, scratch / "ray", ended)
        claim("an actor was killed", bool(killed))
        claim(f"{len(there.records)} rows are those of one process", rows(there) == rows(alone))
        same = all(equal(scratch / "alone" / r.folder, scratch / "ray" / r.folder) for r in alone.records if r.folder)
        claim("so are the voxels of every case", same)


def timed(
    words: str, found: Found, engine: Engine, digest: str, output: Path, ended: Callable[[Record], None] | None = None
) -> Outcome:
    began = time.monotonic()
    outcome = run_cohort(found, engine, digest, output, ended=ended)
    print(f"{words}: {len(outcome.records)} cases in {time.monotonic() - began:.0f} s", flush=True)
    return outcome


def rows(outcome: Outcome) -> list[tuple[object, ...]]:
    return [(r.case, r.status, r.segments, r.content, r.code, r.cause, r.warnings) for r in outcome.records]


def equal(one: Path, other: Path) -> bool:
    first, second = (read_segmentation(folder / "segmentation.seg.nrrd") for folder in (one, other))
    return first.geometry == second.geometry and np.array_equal(first.voxels, second.voxels)


if __name__ == "__main__":
    main()
