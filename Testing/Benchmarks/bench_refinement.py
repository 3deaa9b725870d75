"""Corrections by robots and by people: how many prompts, how good, how long, beside what else there is.

    python Testing/Benchmarks/bench_refinement.py                 our method on all cases, both halves
    python Testing/Benchmarks/bench_refinement.py --quick         a few cases, everything below: under two minutes
    python Testing/Benchmarks/bench_refinement.py --kinds model leak --half tune --cases
    python Testing/Benchmarks/bench_refinement.py --baselines     the same prompts through other methods: half an hour
    python Testing/Benchmarks/bench_refinement.py --solvers       other solvers behind the session's protocol
    python Testing/Benchmarks/bench_refinement.py --latency       from prompt to mask, and 200 prompts in a row
    python Testing/Benchmarks/bench_refinement.py --results FILE --show [--plot PNG]    what has been measured so far

The second half of each list, "report", is never tuned on; the tables of the documentation are its. AUC is the area
under Dice (NSD at 2 mm) after 1 to 5 prompts, divided by its largest value, 4. "Worst step" is the most Dice that one
prompt has cost in any case.
"""

import argparse
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from common import machine
from refinement import KINDS, cases, latency, play, plot, tables
from refinement.baselines import RADII, all_of_them, ball
from refinement.cases import HALVES
from refinement.records import Records, area
from refinement.solvers import SOLVERS

OURS = "UNetSegment"
QUICK = slice(2, 3)
"""The one case of each kind and half that is played by --quick: a small one."""
REACH = 25.0
"""mm, of the other solvers in volumes: graph cuts of larger boxes take minutes."""
CORRECTED = [kind for kind in KINDS if kind != "people"]


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    records = Records(arguments.results)
    print(machine())
    if not arguments.show:
        for name, corrector in chosen(arguments):
            measure(records, name, corrector, arguments)
        if arguments.baselines or arguments.quick:
            best_balls(records, arguments)
    if arguments.cases:
        print(tables.each_case(records, OURS, arguments.kinds))
    report(records, arguments.kinds, [arguments.half] if arguments.half else HALVES)
    if arguments.plot:
        plot.draw(records, [name for name in records.methods if name not in SOLVERS], arguments.plot)
    if arguments.latency or arguments.quick:
        print("\nSeconds from prompt to changed mask\n" + latency.table(4 if arguments.quick else 12))
        print("\nMany prompts in a row\n" + latency.in_a_row(40 if arguments.quick else 200))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--half", choices=("tune", "report"))
    parser.add_argument("--cases", action="store_true", help="a line for each case of ours")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK} cases of each kind and half; everything else too"
    )
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--solvers", action="store_true")
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--no-ours", action="store_true", help="ours is not measured again")
    parser.add_argument("--results", type=Path, help="JSON file in which what is measured is kept")
    parser.add_argument("--show", action="store_true", help="print what is in it, measure no prompts")
    parser.add_argument("--plot", type=Path, help="PNG to draw")
    return parser.parse_args()


def chosen(arguments):
    """Name and corrector of each that is to be measured."""
    if not arguments.no_ours:
        yield OURS, None
    if arguments.baselines or arguments.quick:
        yield from all_of_them(0.1 if arguments.quick else 1.0).items()
    if arguments.solvers or arguments.quick:
        yield from ((name, partial(_with, solver)) for name, solver in SOLVERS.items())


def _with(solver, case):
    from refinement import OurSession

    return OurSession(case, solver(), reach=REACH if case.start.shape[0] > 1 else None)


def measure(records, name, corrector, arguments, kinds=None):
    for kind in kinds or arguments.kinds:
        for case in selected(kind, arguments):
            records.put(name, case, play(corrector, case))
        records.save()


def selected(kind, arguments):
    halves = [arguments.half] if arguments.half else HALVES
    return [case for half in halves for case in cases(kind, half)[QUICK if arguments.quick else slice(None)]]


def best_balls(records, arguments):
    """Of each kind, the ball whose radius is best on the tuning half."""
    for kind in arguments.kinds:
        found = {}
        for radius in RADII:
            trial = cases(kind, "tune")[QUICK if arguments.quick else slice(None)]
            found[radius] = mean(area(play(ball(radius), case, surfaces=False)) for case in trial)
        best = max(found, key=found.get)
        print(f"best ball for {kind}: {best:g} mm")
        measure(records, "best ball", ball(best), arguments, [kind])


def report(records, kinds, halves):
    robots = [kind for kind in CORRECTED if kind in kinds]
    beside = [name for name in records.methods if name not in SOLVERS]
    if any(records.kinds(name) for name in records.methods):
        print("\nDice before and after prompts of a robot\n" + tables.clicks(records, robots, beside, halves))
    if "people" in kinds:
        print("\nDice of the strokes of three people\n" + tables.people(records, beside, halves))
    solvers = [name for name in records.methods if name in SOLVERS]
    if solvers:
        print("\nSolvers\n" + tables.clicks(records, robots, [OURS, *solvers], halves))
        if "people" in kinds:
            print("\nSolvers, people's strokes\n" + tables.people(records, [OURS, *solvers], halves))


if __name__ == "__main__":
    main()
