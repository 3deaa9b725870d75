"""A step of training, and the same compiled first (``unetsegment train --compile``), on one core."""

import argparse
import dataclasses
import time

import torch
from common import DATA, side_by_side, table

from UNetSegmentLib.training.cases.dataset import load_cases
from UNetSegmentLib.training.cases.labelling import labelling_of
from UNetSegmentLib.training.loop.compilation import compiled
from UNetSegmentLib.training.loop.sampling import PatchSampler
from UNetSegmentLib.training.loop.state import start_state
from UNetSegmentLib.training.losses import total_loss
from UNetSegmentLib.training.planning import Request, plan_training
from UNetSegmentLib.training.recipes import find_recipe, open_recipe

CPU = torch.device("cpu")
STEPS = 10
# Features as the bundled models have them.
TASKS = {
    "retinal-vessels": ("drive", "unet", 16, None),
    "em-membranes": ("isbi2012", "unet", 16, (1, 128, 128)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rows = []
    for name, (folder, network, features, patch) in TASKS.items():
        config, cases = prepared(name, folder, network, features, patch)
        state, steps = start_state(config, torch.Generator(), CPU, False), {}
        steps["plain"] = step(config, cases, state.network, state)
        started = time.perf_counter()
        steps["compiled"] = step(config, cases, compiled(state.network, CPU), state)
        steps["compiled"]()
        start_up = time.perf_counter() - started
        candidates = {key: lambda one=one: [one() for _ in range(STEPS)] for key, one in steps.items()}
        seconds = side_by_side(candidates, rounds, warmup=False)
        plain, quick = (seconds[key] / STEPS for key in ("plain", "compiled"))
        rows.append([name, f"{plain:.3f}", f"{quick:.3f}", f"{plain / quick:.2f}x", f"{start_up:.0f}"])
    title = "A training step: patches, augmentation, forward, backward, optimiser (16 features, fp32)"
    table(title, ["task", "plain (s)", "compiled (s)", "speed", "start-up (s)"], rows)


def prepared(recipe, folder, network, features, patch):
    """The recipe's plan, and two cases."""
    recipe = find_recipe(recipe)
    data = open_recipe(recipe, DATA / folder)
    wishes = dataclasses.replace(recipe.wishes, network=network, features=features, steps=100)
    if patch is not None:
        wishes = dataclasses.replace(wishes, patch=patch)
    config = plan_training(data, Request("unused", device="cpu", threads=1), wishes).config
    names = data.split(0)[0][:2]
    return config, load_cases(data, names, config.card, None, None, labelling_of(config))


def step(config, cases, network, state):
    """One step on the weights of ``state``, through ``network``."""
    sampler = PatchSampler(cases, config, CPU, 0)

    def run():
        images, target = sampler.draw()
        loss = total_loss(network(images), target, config.loss)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        state.optimizer.step()

    return run


if __name__ == "__main__":
    main()
