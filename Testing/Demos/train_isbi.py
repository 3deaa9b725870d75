"""From an empty folder to a model that segments, in minutes on one core; killed in the middle, and nobody can tell.

``python Testing/Demos/train_isbi.py [FOLDER] [--minutes 1]`` plans a training on the ISBI 2012 slices, runs it once
without a break and once killed (SIGKILL) in the middle and resumed, compares the two models bit for bit, and segments
a slice that neither has seen. Exits with 1 when something of that is not so.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from demo_tools import COMMAND, ISBI, checkpoint, claim, edit, fresh, run, start, wait_for
from safetensors.torch import load_file

HELD_OUT = "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()) / "unetsegment-demo-isbi")
    parser.add_argument("--minutes", type=float, default=1.0)
    arguments = parser.parse_args()
    folder = fresh(arguments.folder)
    began = time.monotonic()
    whole, broken = folder / "whole", folder / "broken"
    options = ("--recipe", "em-membranes", "--minutes", arguments.minutes, "--device", "cpu", "--threads", 1)
    run("train", ISBI, "-o", whole, *options, "--plan-only")
    # The clock would make one of the two shorter where the machine is busy.
    edit(whole / "plan.json", whole, minutes=0)
    plan = edit(whole / "plan.json", broken)
    seconds = run("train", whole / "plan.json")
    print(f"an uninterrupted training: {seconds:.0f} s")

    steps = checkpoint(whole)["step"]
    process = start([*COMMAND, "train", str(plan)])
    wait_for(lambda: reached(broken, steps // 3), process, 600)
    process.kill()
    process.wait()
    left = checkpoint(broken)["step"]
    claim(f"killed in the middle: the last checkpoint is of step {left} of {steps}", 0 < left < steps)
    claim("the killed run left no model", not (broken / "model").exists())
    run("train", plan, "--resume")

    models = [load_file(path / "model" / "weights.safetensors") for path in (whole, broken)]
    same = models[0].keys() == models[1].keys() and all(torch.equal(v, models[1][n]) for n, v in models[0].items())
    count = sum(value.numel() for value in models[0].values())
    claim(f"all {count} weights of the two models are the same, bit for bit", same)

    answer = folder / f"{HELD_OUT}.png"
    run("segment", ISBI / "images" / f"{HELD_OUT}.png", answer, "--model", broken / "model", "--device", "cpu")
    claim(f"the model segments: {answer}", answer.is_file())
    run("evaluate", "--model", broken / "model", "--data", ISBI, "--layout", "isbi2012", "--fold", 0, "--device", "cpu")
    print(f"all of it took {(time.monotonic() - began) / 60:.1f} minutes on one core")


def reached(folder: Path, step: int) -> bool:
    """Whether the run has a checkpoint of that step or a later one."""
    try:
        return bool(checkpoint(folder)["step"] >= step)
    except (OSError, RuntimeError):
        return False


if __name__ == "__main__":
    main()
