"""What the driver of a run needs as the number of cases grows: a stand-in for the network, everything else is real.

Also a script: ``python -m cohorts.growth COUNT FOLDER`` measures one size in a process of its own and prints JSON.
"""

import json
import shutil
import sys
import time
from pathlib import Path

from .turns import Row, beside, run

SEGMENTS = ("Anterior hippocampus", "Posterior hippocampus")
MODEL = "hippocampus-t1"


def measure(counts, work):
    """A row for each number of cases."""
    rows = []
    for count in counts:
        folder = work / f"tiny-{count}"
        shutil.rmtree(folder, ignore_errors=True)
        write_images(folder / "images", count)
        command = [sys.executable, "-m", "cohorts.growth", str(count), str(folder)]
        found = json.loads(run(command, extra=beside()).splitlines()[-1])
        shutil.rmtree(folder)
        print(f"{count} tiny cases: {found}", flush=True)
        rows.append(Row("tiny cases, no network", f"{count}", count, found["run"], _words(found), found))
    return rows


def _words(found):
    return (
        f"found in {found['find']:.2f} s, run again {found['again']:.2f} s, "
        f"driver {found['peak'] / 2**20:.0f} MB ({found['memory']:.0f} B a case), "
        f"table {found['table']:.0f} B a case, journal {found['journal']:.0f} B, page {found['page']:.0f} B"
    )


class StandIn:
    """Ends every case at once, in a folder of its own."""

    def __init__(self, output, digest):
        self._output, self._digest = output, digest

    def run(self, cases):
        from UNetSegmentLib.cohort.record import Record, SegmentSize, Status
        from UNetSegmentLib.cohort.running.failures import now
        from UNetSegmentLib.cohort.stamps import content_of, stamp_of

        for case in cases:
            (self._output / case.name).mkdir()
            yield Record(
                case.name,
                Status.DONE,
                tuple(str(source.path) for source in case.images),
                stamp_of(case),
                content_of(case),
                self._digest,
                case.name,
                tuple(SegmentSize(n, name, 1300 + n, 1.3) for n, name in enumerate(SEGMENTS, 1)),
                seconds=0.123,
                finished=now(),
            )


def one_size(count, folder):
    """Finds, runs, and runs again; seconds, bytes, and bytes a case."""
    from UNetSegmentLib.cohort.audit import auditor
    from UNetSegmentLib.cohort.finding.inputs import find_cases
    from UNetSegmentLib.cohort.finding.wanted import Wanted
    from UNetSegmentLib.cohort.job import CohortJob
    from UNetSegmentLib.cohort.report.page import write_page
    from UNetSegmentLib.cohort.report.table import write_table
    from UNetSegmentLib.cohort.run import run_cohort
    from UNetSegmentLib.models import find_model, read_card

    images, output = folder / "images", folder / "results"
    job, card = CohortJob(MODEL), read_card(find_model(MODEL))
    digest = job.digest(card)
    engine = StandIn(output, digest)
    keep = auditor(output, card, job)
    before = _now()
    clock = _Clock()
    found = find_cases([images], Wanted(), output)
    seconds = {"find": clock()}
    outcome = run_cohort(found, engine, digest, output, ended=keep)
    seconds["run"] = clock()
    assert outcome.run == count
    del outcome, found
    clock()
    found = find_cases([images], Wanted(), output)
    outcome = run_cohort(found, engine, digest, output, ended=keep)
    assert outcome.kept == count
    memory = (_now() - before) / count
    peak = highest()
    tables = write_table(outcome.records, output)
    page = write_page(outcome.records, output, "Tiny cases", MODEL)
    seconds["again"] = clock()
    journal = next((output / ".unetsegment").glob("journal-*.jsonl"))
    sizes = {"table": tables[0], "journal": journal, "page": page, "audit": output / "audit.jsonl"}
    return {
        **seconds,
        **{name: path.stat().st_size / count for name, path in sizes.items()},
        "memory": memory,
        "peak": peak,
        "peak with tables": highest(),
    }


class _Clock:
    """Seconds since it was last asked."""

    def __init__(self):
        self._last = time.perf_counter()

    def __call__(self):
        before, self._last = self._last, time.perf_counter()
        return self._last - before


def write_images(folder, count):
    """Cubes of 8 voxels, each different."""
    import gzip

    import numpy as np

    from UNetSegmentLib.io import write_volume
    from UNetSegmentLib.volume import Volume

    folder.mkdir(parents=True)
    first = folder / "first.nii.gz"
    write_volume(Volume.from_array(np.zeros((8, 8, 8), np.float32)), first)
    head = gzip.decompress(first.read_bytes())[:352]
    first.unlink()
    generator = np.random.default_rng(0)
    for number in range(count):
        voxels = generator.integers(0, 3, 512).astype("<f4").tobytes()
        (folder / f"patient_{number:06}.nii.gz").write_bytes(gzip.compress(head + voxels, 1))


def _now():
    """Resident bytes of this process."""
    return _state("VmRSS")


def highest():
    """The most that this process has had; getrusage would tell that of the process that started it."""
    return _state("VmHWM")


def _state(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    print(json.dumps(one_size(int(sys.argv[1]), Path(sys.argv[2]))))
