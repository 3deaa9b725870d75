"""Small forms beside their source: size, arithmetic, time and accuracy of packages, run in every way that they have.

The ways take turns on every case. Accuracy is of cases that none of the packages was trained or calibrated with: the
ones that the fold holds out. "x" is the time per tile of the source in torch f32 over the row's.

python Testing/Benchmarks/bench_compression.py SOURCE [NAME=PACKAGE ...] --data FOLDER --fold 0
    [--limit N] [--threads 1] [--runtimes "torch f32,OpenVINO INT8"] [--results FILE.json] [--plot FILE.png]
python Testing/Benchmarks/bench_compression.py --random (an nnU-Net of 30 M parameters with random weights, time only)
"""

import argparse
import json
import math
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import DATA, head_ct, model_of, small_unet, table
from compression import plot, rows
from compression.runtimes import COMPILED, INT8, RUNTIMES, SOURCE

from UNetSegmentLib.compression.cases import find_cases, split_cases
from UNetSegmentLib.models import load_model

HEADING = ("package", "way", "MB", "M par.", "kFLOP/voxel", "ms/tile", "x", "s/case", "Dice", "worst", "HD95", "same")
NNUNET = (32, 64, 128, 256, 320, 320)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", default=["hippocampus-t1"], help="the source first; NAME=PATH")
    parser.add_argument("--data", type=Path, default=DATA / "msd_hippocampus")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--network", type=int, help="which of a package's networks; the fold's own by default")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--runtimes", default=",".join(name for name in RUNTIMES if name != COMPILED))
    parser.add_argument("--results", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--random", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    runtimes = [name.strip() for name in arguments.runtimes.split(",")]
    measured = random_network(runtimes) if arguments.random else of_packages(arguments, runtimes)
    show(measured, "Random weights" if arguments.random else f"{arguments.data.name}, fold {arguments.fold}")
    if arguments.results:
        arguments.results.write_text(json.dumps([row.to_json() for row in measured], indent=1), encoding="utf-8")
    if arguments.plot:
        plot.draw(measured, arguments.plot, f"{arguments.data.name}, fold {arguments.fold}")


def of_packages(arguments, runtimes):
    packages = {}
    for given in arguments.packages or ["hippocampus-t1"]:
        name, _, path = given.rpartition("=")
        model = load_model(path)
        fold = arguments.network if arguments.network is not None else min(arguments.fold, model.folds - 1)
        model = model.one_fold(fold)
        packages[name or model.card.name] = (model, size_of(model))
    source, (model, _) = next(iter(packages.items()))
    cases = split_cases(find_cases(arguments.data, model.card), arguments.fold)[1]
    cases = cases[: arguments.limit] if arguments.limit else cases
    return rows.measure(packages, cases, runtimes, source, arguments.rounds, lambda line: print(line, file=sys.stderr))


def size_of(model):
    """Bytes of the files that a way needs."""
    folder = Path(model.folder)

    def size(runtime):
        forms = [form for form in model.card.forms if form.kind == "int8-openvino"]
        names = forms[0].files[0] if runtime == INT8 and forms else model.card.weights
        return sum((folder / name).stat().st_size for name in names) if folder.is_dir() else 0

    return size


def random_network(runtimes):
    """nnU-Net's plain network of 128^3 patches on a crop of the head CT: time only."""
    from UNetSegmentLib.geometry import Box

    model = model_of(small_unet(3, NNUNET), (128, 128, 128), spacing=(1.0, 1.0, 1.0))
    volume = head_ct().cropped(Box((10, 40, 40), (138, 168, 168)))
    return rows.measure_time("nnU-Net, random", model, volume, [name for name in runtimes if name != INT8])


def show(measured, title):
    base = next(row for row in measured if row.runtime == SOURCE)
    lines = []
    for row in measured:
        lines.append(
            (
                row.package,
                row.runtime,
                f"{row.bytes / 1e6:.2f}",
                f"{row.parameters / 1e6:.3f}",
                f"{row.flops_per_voxel / 1e3:.1f}",
                f"{row.ms_per_tile:.1f}",
                f"{base.ms_per_tile / row.ms_per_tile:.2f}",
                f"{row.seconds:.2f}",
                *("-" if math.isnan(v) else f"{v:.{d}f}" for v, d in accuracy(row)),
            )
        )
    table(title, HEADING, lines)


def accuracy(row):
    return ((row.mean_dice, 4), (row.worst, 4), (row.mean_hd95, 2), (row.agreement, 5))


if __name__ == "__main__":
    main()
