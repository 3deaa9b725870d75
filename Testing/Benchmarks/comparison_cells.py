"""The cells of the side-by-side table: one training of one candidate on one fold with one seed, and its scores."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from common import DATA

from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.devices import choose_device
from UNetSegmentLib.io.atomic import atomic_path
from UNetSegmentLib.models import load_model
from UNetSegmentLib.networks import cost
from UNetSegmentLib.training import (
    AugmentationConfig,
    LossConfig,
    TrainingConfig,
    evaluate_fold,
    load_config,
    save_config,
    train,
)
from UNetSegmentLib.training.cases.dataset import read_pair
from UNetSegmentLib.training.loop.run import CHECKPOINT
from UNetSegmentLib.training.planning import NETWORKS, Request, plan_training
from UNetSegmentLib.training.planning.configuration import moving_average, timed
from UNetSegmentLib.training.planning.timing import measure_pace
from UNetSegmentLib.training.planning.topology import topology_of
from UNetSegmentLib.training.planning.variants import make_network
from UNetSegmentLib.training.recipes import find_recipe, open_recipe
from UNetSegmentLib.training.scoring.pixels import evaluate_pixels

SETTINGS = EngineSettings(backend="torch")
TIMED_CASES = 3

# One patch and batch for all candidates, so that they see the same data.
TASKS = {
    "hippocampus": {
        "recipe": "hippocampus",
        "folder": "msd_hippocampus",
        "patch": (40, 56, 40),
        "batch": 1,
        "folds": 1,
    },
    "drive": {"recipe": "retinal-vessels", "folder": "drive", "patch": (1, 128, 128), "batch": 2, "folds": 4},
    "isbi": {"recipe": "em-membranes", "folder": "isbi2012", "patch": (1, 128, 128), "batch": 2, "folds": 5},
}

LOSSES = {
    "Dice": LossConfig("dice"),
    "cross-entropy": LossConfig("ce"),
    "Dice + CE": LossConfig("dice_ce"),
    "Dice + CE, per sample": LossConfig("dice_ce", batch_dice=False),
    "Dice + focal": LossConfig("dice_focal"),
    "Tversky": LossConfig("tversky"),
    "Tversky + CE": LossConfig("tversky_ce"),
    "Dice + CE + boundary": LossConfig("dice_ce_boundary"),
    "Dice + CE + clDice": LossConfig("dice_ce_cldice"),
}

NOTHING = AugmentationConfig(
    flip=(0.0, 0.0, 0.0), rotation=0, scaling=0, gamma=0, contrast=0, brightness=0, noise=0, blur=0, low_resolution=0
)
_GROUPS = {
    "flips": ("flip",),
    "rotation and scaling": ("rotation", "rotation_degrees", "scaling", "scaling_range"),
    "elastic": ("elastic", "elastic_voxels", "elastic_spacing"),
    "gamma, contrast, brightness": ("gamma", "contrast", "contrast_range", "brightness", "brightness_range"),
    "noise, blur, low resolution": ("noise", "blur", "low_resolution"),
}
# What a recipe leaves out is tried with these.
_TRIED = AugmentationConfig(elastic=0.3)


@dataclass(frozen=True)
class Cell:
    """One training: what is compared, on which task, which candidate, fold and seed."""

    what: str
    task: str
    name: str
    fold: int
    seed: int


@dataclass(frozen=True)
class Budget:
    """Steps, or minutes on this device, the same for every candidate; features of the plain U-Net."""

    steps: int | None
    minutes: float | None
    features: int
    device: str
    threads: int

    @property
    def text(self) -> str:
        return f"{self.steps} steps" if self.steps else f"{self.minutes:g} minutes"


def candidates(what: str) -> list[str]:
    if what == "networks":
        return list(NETWORKS)
    return list(LOSSES) if what == "losses" else ["none", *_GROUPS, "all"]


def augmentation(name: str, recipe: AugmentationConfig) -> AugmentationConfig:
    """Nothing, one group alone, or all of the recipe's."""
    if name == "none":
        return NOTHING
    if name == "all":
        return recipe
    values = {field: getattr(recipe, field) for field in _GROUPS[name]}
    if not any(_on(value) for field, value in values.items() if not field.endswith(("range", "voxels", "spacing"))):
        values = {field: getattr(_TRIED, field) for field in _GROUPS[name]}
    return dataclasses.replace(NOTHING, **values)


def _on(value: object) -> bool:
    return any(value) if isinstance(value, tuple) else bool(value)


def open_task(task: str):
    entry = TASKS[task]
    return open_recipe(find_recipe(entry["recipe"]), DATA / entry["folder"])


def base_config(task: str, fold: int, budget: Budget, work: Path) -> TrainingConfig:
    """The recipe's plan for a fold with the plain U-Net; made once, then read."""
    path = work / "plans" / f"{task}-{fold}-{budget.features}.json"
    if not path.exists():
        entry = TASKS[task]
        wishes = dataclasses.replace(
            find_recipe(entry["recipe"]).wishes,
            network="unet",
            features=budget.features,
            patch=entry["patch"],
            batch=entry["batch"],
            steps=1000,
        )
        request = Request(str(work), fold=fold, device=budget.device, threads=budget.threads)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_config(plan_training(open_task(task), request, wishes).config, path)
    return load_config(path)


def config_of(cell: Cell, budget: Budget, network: str, work: Path) -> TrainingConfig:
    """The training of a cell."""
    base = base_config(cell.task, cell.fold, budget, work)
    output = work / cell.what / cell.task / _file_name(cell.name) / f"fold{cell.fold}-seed{cell.seed}"
    plain = base.card.network
    patch = base.card.inference.patch[3 - plain.dimension :]
    topology = topology_of(patch, (base.card.preparation.spacing or (1.0, 1.0, 1.0))[3 - plain.dimension :])
    name = cell.name if cell.what == "networks" else network
    variant = make_network(name, topology, plain.in_channels, plain.out_channels, budget.features)
    changes: dict[str, object] = {
        "card": dataclasses.replace(base.card, network=variant),
        "output": str(output),
        "seed": cell.seed,
        "device": budget.device,
        "threads": budget.threads,
    }
    if cell.what == "losses":
        changes["loss"] = dataclasses.replace(LOSSES[cell.name], ignore_label=base.loss.ignore_label)
    if cell.what == "augmentations":
        changes["augmentation"] = augmentation(cell.name, base.augmentation)
    if budget.steps:
        changes |= {"steps": budget.steps, "validate_every": budget.steps, "checkpoint_every": 200}
        warmup = min(50, max(budget.steps // 10, 1))
        changes |= {"schedule": dataclasses.replace(base.schedule, warmup=warmup), "validation_cases": 1}
        changes["ema"] = moving_average(budget.steps)
    return dataclasses.replace(base, **changes)


def run_cell(cell: Cell, budget: Budget, network: str, work: Path) -> dict[str, object]:
    """Trains (or goes on with) the cell and scores it on all held-out cases through the engine."""
    config = _with_budget(config_of(cell, budget, network, work), budget)
    data = open_task(cell.task)
    fresh = not (Path(config.output) / CHECKPOINT).exists()
    clock = _clock(budget.device)
    started = clock()
    result = train(config)
    seconds = clock() - started
    model = load_model(result.model)
    names = data.split(cell.fold)[1]
    evaluation = evaluate_fold(model, data, cell.fold, device=budget.device, settings=SETTINGS)
    dice = [line.dice for line in evaluation.summary if line.dice is not None]
    hd95 = [line.hd95_mm for line in evaluation.summary if line.hd95_mm is not None]
    pixels = None
    if data.pixels:
        pixels = dataclasses.asdict(evaluate_pixels(model, data, names, device=budget.device, settings=SETTINGS))
    needs = cost(config.card.network, config.card.inference.patch)
    return {
        **dataclasses.asdict(cell),
        "budget": budget.text,
        "features": budget.features,
        "steps": config.steps,
        "dice": sum(dice) / len(dice) if dice else None,
        "hd95": sum(hd95) / len(hd95) if hd95 else None,
        "pixels": pixels,
        "parameters": needs.parameters,
        "flops_per_voxel": needs.flops / math.prod(config.card.inference.patch),
        # A training that went on from a checkpoint was timed in part only.
        "training_seconds": seconds if fresh else None,
        "inference_seconds": _inference_seconds(model, data, names, budget.device),
        "device": str(choose_device(budget.device)),
    }


def _with_budget(config: TrainingConfig, budget: Budget) -> TrainingConfig:
    """Minutes as steps, measured once for each cell and kept, so that a resumed cell is the same training."""
    if budget.steps:
        return config
    path = Path(config.output) / "cell.json"
    if path.exists():
        return load_config(path)
    data = open_recipe(find_recipe(_recipe_of(config)), config.dataset)
    pace = measure_pace(config, data, data.split(config.fold)[0], choose_device(budget.device))
    config = timed(config, pace, budget.minutes, len(data.split(config.fold)[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_config(config, path)
    return config


def _recipe_of(config: TrainingConfig) -> str:
    return next(entry["recipe"] for entry in TASKS.values() if Path(config.dataset).name == entry["folder"])


def _clock(device: str):
    """Of the processor's time on a CPU, which other programs disturb less; of the wall's on a GPU."""
    return time.process_time if choose_device(device).type == "cpu" else time.perf_counter


def _inference_seconds(model, data, names, device) -> float:
    """Mean seconds of a whole run over a few cases, the first of them warmed up before."""
    clock = _clock(device)
    segmenter = Segmenter(model, device=device, settings=SETTINGS)
    volumes = [read_pair(data, name)[0] for name in names[:TIMED_CASES]]
    segmenter.segment(volumes[0])
    started = clock()
    for volume in volumes:
        segmenter.segment(volume)
    return (clock() - started) / len(volumes)


def load_results(path: Path) -> list[dict[str, object]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def save_results(rows: list[dict[str, object]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())
