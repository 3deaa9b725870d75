"""Two processes train the network that one trains, and when one of them dies the other says so.

``python Testing/Demos/train_processes.py [FOLDER]`` trains networks on the ISBI 2012 slices in one process and, by
``torchrun --nproc-per-node 2`` (gloo), in two, with batches that two divides and that it does not, and prints the
largest difference of the weights. Then it kills one of two processes. Exits with 1 when something is not as it should.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo_tools import ISBI, checkpoint, claim, edit, fresh, largest_difference, run, start, wait_for

# After one step the difference is that of rounding; training lets it grow, as it would any other.
ALLOWED = {1: 1e-6, 10: 2e-5}
# Plain steps, so that a difference by rounding stays one: AdamW divides by the size of gradients, and where the true
# gradient is zero (biases before a norm) that makes whole steps of rounding errors. And small ones: at a rate of 0.02 a
# change of the first weights by 1e-7 of their size becomes 2e-4 in ten steps of a single process, at 0.002 it becomes
# 1e-6.
SGD = {"kind": "sgd", "learning_rate": 0.002, "weight_decay": 0.0, "momentum": 0.9, "clip": 5.0}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TOGETHER = [*TORCHRUN, "-m", "UNetSegmentLib.cli"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(tempfile.gettempdir()) / "unetsegment-demo-processes"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    folder = fresh(parser.parse_args().folder)
    for network, batch, steps in (("unet", 4, 1), ("unet", 4, 10), ("unet", 3, 10), ("efficientnet", 3, 1)):
        compare(folder / f"{network}-{batch}-{steps}", network, batch, steps)
    lose_one(folder / "lost")


def compare(folder: Path, network: str, batch: int, steps: int) -> None:
    """One process beside two."""
    plan = make_plan(folder, network)
    changes = {"steps": steps, "batch": batch, "optimizer": SGD, "fold": None, "minutes": 0}
    alone, together = (edit(plan, folder / name, **changes) for name in ("alone", "together"))
    run("train", alone)
    process = start([*TOGETHER, "train", str(together)])
    claim("two processes came to the end", process.wait() == 0)
    one, two = checkpoint(folder / "alone"), checkpoint(folder / "together")
    difference = largest_difference(one["network"], two["network"])
    moved = largest_difference(one["network"], first_weights(alone))
    shares = " and ".join(str(len(range(batch * r // 2, batch * (r + 1) // 2))) for r in range(2))
    claim(
        f"{network}, batch {batch} as {shares}, {steps} steps: weights have moved by up to {moved:.3g}; the largest "
        f"difference between one process and two is {difference:.2g} (allowed {ALLOWED[steps]:g})",
        difference < ALLOWED[steps] and moved > 10 * ALLOWED[steps],
    )


def lose_one(folder: Path) -> None:
    """One of two processes is killed."""
    plan = edit(make_plan(folder, "unet"), folder / "run", steps=2000, minutes=0, fold=None, checkpoint_every=10)
    process = start([*TOGETHER, "train", str(plan)], stderr=subprocess.PIPE)
    wait_for((folder / "run" / "checkpoint.pt").exists, process, 300)
    victim = children(process.pid)[-1]
    print(f"killing process {victim}", flush=True)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    try:
        _, said = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        claim("torchrun ended by itself", False)
    seconds = time.monotonic() - began
    words = [line for line in said.splitlines() if "processes that train" in line or "--resume" in line]
    print("\n".join(f"  {line}" for line in words))
    claim(f"torchrun ended with {process.returncode}, {seconds:.1f} s after the loss", process.returncode != 0)
    claim("the other process said what has happened and how to go on", bool(words))
    step = checkpoint(folder / "run")["step"]
    edited = plan.read_text(encoding="utf-8").replace('"steps": 2000', f'"steps": {step + 5}')
    plan.write_text(edited, encoding="utf-8")
    process = start([*TOGETHER, "train", str(plan), "--resume"])
    claim("both go on from the last checkpoint to the end", process.wait() == 0)


def make_plan(folder: Path, network: str) -> Path:
    options = ("--network", network, "--layout", "isbi2012", "--minutes", 0.2, "--device", "cpu", "--threads", 1)
    run("train", ISBI, "-o", folder, *options, "--plan-only")
    return folder / "plan.json"


def first_weights(plan: Path) -> dict:
    """What the training began with."""
    import torch

    from UNetSegmentLib.training import load_config
    from UNetSegmentLib.training.loop.state import start_state

    config = load_config(plan)
    return start_state(config, torch.Generator(), torch.device("cpu"), False).network.state_dict()


def children(pid: int) -> list[int]:
    """The processes that torchrun has started (Linux)."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    found = [int(word) for word in text.split()]
    threads = [p for p in Path(f"/proc/{pid}/task").iterdir() if p.name != str(pid)]
    return sorted(found + [int(w) for t in threads for w in (t / "children").read_text().split()])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
