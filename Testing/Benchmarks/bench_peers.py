"""Whole cases, file to file: ours beside nnUNetPredictor and MONAI's sliding window, on the CPU.

Each run is a process of its own, and the candidates take turns. Results are kept, so that a long table can be measured
in pieces:

    python Testing/Benchmarks/bench_peers.py --cases torso-2 torso-25 --rounds 3
    python Testing/Benchmarks/bench_peers.py --cases head-105 --rounds 2 --candidates ours nnU-Net
    python Testing/Benchmarks/bench_peers.py --cases torso-2 --mirrors
    python Testing/Benchmarks/bench_peers.py --full          every case, mirrors off and on: hours
    python Testing/Benchmarks/bench_peers.py --table         what has been measured so far
    python Testing/Benchmarks/bench_peers.py --cold          the command's start
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common import machine, table
from peer_candidate import CANDIDATES, PARTS, output_file
from peer_models import CASES

HERE = Path(__file__).resolve().parent
DEFAULT_CASES = ["torso-2"]
REFERENCE = "nnU-Net"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = Path(tempfile.gettempdir()) / "unetsegment-peers"
    parser.add_argument("--cases", nargs="+", choices=CASES, default=DEFAULT_CASES)
    parser.add_argument("--candidates", nargs="+", metavar="NAME", help="those whose names begin so; all by default")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mirrors", action="store_true", help="average over the eight mirrored images")
    parser.add_argument("--full", action="store_true", help="every case, without and with mirrors")
    parser.add_argument("--tiny", action="store_true", help="networks with few features, to try the benchmark out")
    parser.add_argument("--threads", type=int, default=0, help="of torch; its own choice by default")
    parser.add_argument("--work", type=Path, default=folder, help="models and results are kept here")
    parser.add_argument("--table", action="store_true", help="print what has been measured, measure nothing")
    parser.add_argument("--cold", action="store_true", help="the start of the command against import torch")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.cold:
        return cold_start(arguments.work)
    plan = [(case, mirrors) for case in CASES for mirrors in (False, True)] if arguments.full else None
    plan = plan or [(case, arguments.mirrors) for case in arguments.cases]
    if not arguments.table:
        for case, mirrors in plan:
            measure(case, mirrors, wanted(arguments.candidates), arguments)
    print_tables(arguments)


def wanted(beginnings):
    """The candidates to run: installed, and asked for."""
    found = [name for name in CANDIDATES if not beginnings or name.startswith(tuple(beginnings))]
    for module, word in (("nnunetv2", "nnU-Net"), ("monai", "MONAI"), ("openvino", "OpenVINO")):
        if not _installed(module):
            left = [name for name in found if word in name]
            found = [name for name in found if name not in left]
            print(f"{module} is not installed; left out: {', '.join(left)}")
    return found


def measure(case, mirrors, candidates, arguments):
    """Runs the candidates in turn and keeps each result."""
    for number in range(arguments.rounds):
        for candidate in candidates:
            flags = ["--mirrors"] * mirrors + ["--tiny"] * arguments.tiny
            flags += ["--case", case, "--work", str(arguments.work), "--threads", str(arguments.threads)]
            command = [sys.executable, str(HERE / "peer_candidate.py"), "--candidate", candidate, *flags]
            done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=HERE, check=False)
            if done.returncode:
                print(f"{case}, {candidate}: failed\n{done.stderr[-2000:]}", flush=True)
                continue
            result = json.loads(done.stdout.splitlines()[-1])
            kept = {"case": case, "candidate": candidate, "mirrors": mirrors, "tiny": arguments.tiny, **result}
            kept["machine"] = machine()
            _append(arguments.work, kept)
            print(f"{case}, round {number + 1}, {candidate}: {result['seconds']:.2f} s", flush=True)


def print_tables(arguments):
    """One table per case, from all that has been measured on this machine: the best round of each candidate."""
    results = [r for r in _read(arguments.work) if r["tiny"] == arguments.tiny and r["machine"] == machine()]
    for case in CASES:
        for mirrors in (False, True):
            mine = [r for r in results if r["case"] == case and r["mirrors"] == mirrors]
            if mine:
                _print_case(CASES[case], mirrors, mine, arguments)


def _print_case(case, mirrors, results, arguments):
    runs = {name: [r for r in results if r["candidate"] == name] for name in CANDIDATES}
    best = {name: min(group, key=lambda r: r["seconds"]) for name, group in runs.items() if group}
    reference = best.get(REFERENCE, {}).get("seconds")
    bare = best.get("bare passes, torch", {}).get("seconds")
    rows = []
    for name, result in best.items():
        seconds, parts = result["seconds"], result["parts"]
        over = seconds - parts["read"] - parts["write"]
        rows.append(
            [
                name,
                f"{seconds:.2f}",
                f"{reference / seconds:.2f}x" if reference else "",
                f"{over / bare:.2f}" if bare else "",
                *(f"{parts[part]:.2f}" for part in PARTS),
                f"{median(r['peak'] for r in runs[name]) / 1e9:.2f}",
                _agreement(arguments.work, name, case),
                str(len(runs[name])),
            ]
        )
    title = f"{case.name}: {case.image.name}, {case.classes} classes, spacing {case.spacing or 'own'} mm, patch "
    title += f"{case.patch}, step 0.5, mirrors {'on' if mirrors else 'off'}, file to file"
    header = ["candidate", "seconds", "faster than nnU-Net", "over bare", *PARTS, "peak GB", "same label", "rounds"]
    table(title, header, rows)


def _agreement(work, name, case):
    """Share of voxels with nnU-Net's label, from the files written last."""
    import SimpleITK as sitk

    files = [output_file(work, which, case) for which in (name, REFERENCE)]
    if not all(path.exists() for path in files):
        return ""
    ours, theirs = (sitk.GetArrayFromImage(sitk.ReadImage(path)) for path in files)
    return f"{(ours == theirs).mean():.4%}"


def cold_start(work, rounds=7):
    """The whole command on a tiny image with a tiny model, over a bare import of torch: medians of alternating runs.

    Byte code is kept, as where pip has installed the package; the first run of each writes it and does not count.
    """
    import statistics

    import numpy as np
    import SimpleITK as sitk

    sys.path.insert(0, str(HERE.parent))
    from level_model import save_level_model

    package = work / "levels"
    if not package.exists():
        save_level_model(package)
    image = work / "tiny.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(4096, dtype=np.float32).reshape(16, 16, 16) % 3), image)
    segment = ["-m", "UNetSegmentLib.cli", "segment", str(image), str(work / "tiny-labels.nii.gz")]
    commands = {
        "python -c 'import torch'": ["-c", "import torch"],
        "unetsegment segment": [*segment, "-m", str(package), "--device", "cpu"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            whole = [sys.executable, *command]
            subprocess.run(whole, check=True, capture_output=True, cwd=HERE.parents[1], env=environment)
            seconds[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(each[1:]) for name, each in seconds.items()}
    base = middle["python -c 'import torch'"]
    rows = [[name, f"{each:.2f}", f"{each / base:.2f}"] for name, each in middle.items()]
    table("Cold start: a 16-voxel cube, a network of two stages", ["command", "seconds", "over import torch"], rows)


def _installed(module):
    import importlib.util

    return importlib.util.find_spec(module) is not None


def _append(work, result):
    with (work / "results.jsonl").open("a") as file:
        file.write(json.dumps(result) + "\n")


def _read(work):
    path = work / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
