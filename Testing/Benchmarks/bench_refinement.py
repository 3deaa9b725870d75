"""Corrections by robots and by people, with our method and with what else there is.

python Testing/Benchmarks/bench_refinement.py [--kinds model leak ...] [--half tune] [--cases] [--quick]
"""

import argparse
from statistics import mean

import torch
from common import table
from refinement import KINDS, cases, play
from refinement.measures import auc

QUICK = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--half", choices=("tune", "report"))
    parser.add_argument("--cases", action="store_true", help="a line for each case")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} cases of each kind and half")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for kind in arguments.kinds:
        for half in [arguments.half] if arguments.half else ["tune", "report"]:
            chosen = cases(kind, half)[: QUICK if arguments.quick else None]
            played = [(case, play(None, case)) for case in chosen]
            if arguments.cases:
                for case, steps in played:
                    print(line(case, steps), flush=True)
            rows.append(summary(kind, half, [steps for _, steps in played]))
    header = ["start", "half", "cases", "before", "after 1", "3", "5", "AUC", "NSD AUC", "seconds, worst"]
    table("Dice after each prompt of the robot", header, rows)


def line(case, steps):
    """Dice/NSD before and after each prompt, AUC of Dice, the slowest prompt."""
    curve = " ".join(f"{step.dice:.3f}/{step.nsd:.3f}" for step in steps)
    under = f"auc {area(steps, 'dice'):.3f}" if len(steps) > 2 else ""
    return f"{case.kind:8} {case.name:24} {curve}  {under}  {max(step.seconds for step in steps):.2f} s"


def summary(kind, half, played):
    length = len(played[0])
    means = [f"{mean(steps[n].dice for steps in played):.3f}" if n < length else "" for n in (0, 1, 3, 5)]
    areas = [f"{mean(area(steps, what) for steps in played):.3f}" if length > 2 else "" for what in ("dice", "nsd")]
    worst = max(step.seconds for steps in played for step in steps)
    return [kind, half, str(len(played)), *means, *areas, f"{worst:.2f}"]


def area(steps, what):
    return auc([getattr(step, what) for step in steps[1:]])


if __name__ == "__main__":
    main()
