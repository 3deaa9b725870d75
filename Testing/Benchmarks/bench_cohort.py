"""A model on many images: seconds a case of ``batch`` beside what people do otherwise, and how it grows.

    python Testing/Benchmarks/bench_cohort.py                    all sections: an hour or so
    python Testing/Benchmarks/bench_cohort.py --small            a few cases of each, to try it out
    python Testing/Benchmarks/bench_cohort.py --sections loop growth

Sections: ``loop`` (over ``segment``, a process a case), ``nnunet`` (over nnU-Net's own command on one model), ``ray``
(two actors over one process), ``growth`` (many tiny cases), ``files`` (what a shared file system sees of a case). The
images lie in ``../shared/data``. Candidates take turns; the best round of each counts.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cohorts import growth, loops, nnunet_runs, ray_runs, shared_files
from common import DATA, machine, table

SECTIONS = ("loop", "nnunet", "ray", "growth", "files")
HIPPOCAMPUS, VESSELS = "hippocampus-t1", "retinal-vessels"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--small", action="store_true", help="few cases, one round, to try it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="of every process; its own choice by default")
    parser.add_argument("--features", type=int, help="of the nnU-Net's first stage; 32 as planned, 6 with --small")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument("--work", type=Path, help="folder for inputs and results; a temporary one by default")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.rounds = 1
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        rows = [row for section in arguments.sections for row in _measured(section, arguments, work)]
    _print(rows)
    if arguments.json:
        kept = {"machine": machine(), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def _measured(section, arguments, work):
    """The rows of a section."""
    small, rounds, threads = arguments.small, arguments.rounds, arguments.threads
    hippocampi = sorted((DATA / "msd_hippocampus" / "images").glob("*.nii.gz"))[: 3 if small else 40]
    photographs = sorted((DATA / "drive" / "images").glob("*.tif"))[: 2 if small else 20]
    if section == "loop":
        rows = loops.measure("hippocampi", hippocampi, HIPPOCAMPUS, work, rounds, threads)
        return rows + loops.measure("fundus photographs", photographs, VESSELS, work, rounds, threads)
    if section == "nnunet":
        features = arguments.features or (6 if small else 32)
        return nnunet_runs.measure(hippocampi, work, DATA, rounds, threads, features, small)
    if section == "ray":
        rows = ray_runs.measure("hippocampi", hippocampi, HIPPOCAMPUS, work, rounds)
        return rows + ray_runs.measure("fundus photographs", photographs, VESSELS, work, rounds)
    tiny = _tiny_package(work)
    if section == "growth":
        rows = growth.measure((100, 200) if small else (1_000, 5_000, 10_000), work)
        return rows + shared_files.real_driver(tiny, work, 20 if small else 500)
    return shared_files.measure(tiny, work)


def _tiny_package(work):
    """A package whose labels are rounded intensities."""
    from level_model import save_level_model

    folder = work / "levels"
    if not folder.exists():
        save_level_model(folder)
    return folder


def _print(rows):
    """One table; what is first in its section is what the others are compared with."""
    first, lines = {}, []
    for row in rows:
        base = first.setdefault(row.section, row)
        ratio = "" if row is base or row.cases != base.cases else f"{base.each / row.each:.2f}x"
        lines.append([row.section, row.candidate, f"{row.seconds:.1f}", f"{row.each:.3f}", ratio, row.note])
    table("Cohorts", ["section", "what", "seconds", "a case", "quicker", "note"], lines)


if __name__ == "__main__":
    main()
