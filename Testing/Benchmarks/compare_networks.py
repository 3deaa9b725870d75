"""Every network side by side: the same splits, the same budget, several seeds. The same for losses and augmentations.

    python Testing/Benchmarks/compare_networks.py --steps 1500 --seeds 2 --results results.json --plot networks.png
    python Testing/Benchmarks/compare_networks.py --what losses --tasks drive --minutes 5 --results results.json

Every finished cell (task, candidate, fold, seed) is appended to the results at once; a cell that is there is skipped,
and one that was cut off goes on from its checkpoint. ``--tables-only`` prints what is there.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import torch
from comparison_cells import TASKS, Budget, Cell, candidates, load_results, run_cell, save_results
from comparison_tables import markdown, plot


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    rows = load_results(args.results)
    if not args.tables_only:
        if (args.steps is None) == (args.minutes is None):
            raise SystemExit("Give either --steps or --minutes.")
        budget = Budget(args.steps, args.minutes, args.features, args.device, args.threads)
        run(args, budget, rows)
    # The same order, and so the same colour, in every table.
    order = candidates(args.what)
    rows = sorted((row for row in rows if row["what"] == args.what), key=lambda row: order.index(row["name"]))
    text = markdown(rows, args.what)
    print(text)
    if args.markdown:
        args.markdown.write_text(text + "\n", encoding="utf-8")
    if args.plot and rows:
        plot(rows, args.what, args.plot)


def run(args, budget, rows):
    cells = list(planned(args))
    done = {(row["what"], row["task"], row["name"], row["fold"], row["seed"], row["budget"]) for row in rows}
    for number, cell in enumerate(cells, start=1):
        if (cell.what, cell.task, cell.name, cell.fold, cell.seed, budget.text) in done:
            continue
        started = time.monotonic()
        row = run_cell(cell, budget, args.network, args.work)
        rows.append(row)
        save_results(rows, args.results)
        f1 = f", F1 {row['pixels']['f1']:.4f}" if row["pixels"] and row["pixels"]["f1"] is not None else ""
        words = f"{cell.task} {cell.name} fold {cell.fold} seed {cell.seed}: Dice {row['dice']:.4f}{f1}"
        print(f"[{number}/{len(cells)}] {words}, {time.monotonic() - started:.0f} s", flush=True)


def planned(args):
    """Cells so that a run that is stopped early has compared all candidates on something."""
    names = args.names or candidates(args.what)
    unknown = [name for name in names if name not in candidates(args.what)]
    if unknown:
        raise SystemExit(f"Unknown: {unknown[0]}. Known are: {', '.join(candidates(args.what))}.")
    most = max(TASKS[task]["folds"] for task in args.tasks)
    for seed, fold, task in itertools.product(range(args.seeds), range(args.folds or most), args.tasks):
        if fold < TASKS[task]["folds"]:
            for name in names:
                yield Cell(args.what, task, name, fold, seed)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=("networks", "losses", "augmentations"), default="networks")
    parser.add_argument("--tasks", nargs="+", choices=tuple(TASKS), default=list(TASKS))
    parser.add_argument("--names", nargs="+", help="only these candidates")
    parser.add_argument("--network", default="unet", help="on which losses and augmentations are compared")
    parser.add_argument("--steps", type=int, help="optimiser steps of every training")
    parser.add_argument("--minutes", type=float, help="or minutes of every training on this device")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--folds", type=int, help="only the first folds of each task")
    parser.add_argument("--features", type=int, default=16, help="of the plain U-Net at full resolution")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("runs/comparison/results.json"))
    parser.add_argument("--work", type=Path, default=Path("runs/comparison"))
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--tables-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
