"""Quantisation-aware fine-tuning: the weights learn to live with the rounding, from labels and from what the network
said before."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ...errors import InputError
from ...models.card import Derivation, ModelCard
from ...models.model import Model
from ...models.package import load_model, save_model
from ...progress import CancelToken, ProgressCallback
from ...training.cases.dataset import open_dataset
from ...training.layouts.naming import numbered_like
from ...training.loop.loop import train
from ...training.planning.configuration import FOLDS
from ..pruning.fine_tuning import further_training, training_of
from ..pruning.recipe import PruningRecipe
from .recipe import QuantizationRecipe
from .rounding import round_convolutions

KIND = "quantization-aware"


def check_finetuning(recipe: QuantizationRecipe, labelled: bool, folds: int) -> None:
    """Refuses what cannot be fine-tuned, before any work is done.

    Raises:
        InputError: without labels there is nothing to learn; without a fold it would learn from what it is measured on.
    """
    if not recipe.finetune_steps:
        return
    if not labelled:
        raise InputError("Fine-tuning needs cases with label maps.", "Give such cases, or leave --finetune out.")
    if recipe.fold is None:
        raise InputError(
            "Fine-tuning must not learn from the cases that are measured: it is not said which these are.",
            "Add --fold NUMBER: the fold of the data set that the model was trained without.",
        )
    if folds > 1:
        raise InputError(
            f"The model has {folds} networks, each with held-out cases of its own; fine-tuning takes one.",
            "Fine-tune each fold's own package, or leave --finetune out.",
        )


def finetuned(
    model: Model,
    source: str | Path,
    cases: str | Path,
    recipe: QuantizationRecipe,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> dict[str, Tensor]:
    """The weights of a model's network after fine-tuning with rounded convolutions; half of the loss asks for the
    labels, half for the full network's own answers.

    Args:
        source: what the model was loaded by.
        cases: the data set; the cases of ``recipe.fold`` are not learned from.

    Raises:
        InputError: the cases cannot be learned from.
        Cancelled: the token was set.
    """
    data = numbered_like(open_dataset(cases, folds=FOLDS), model.card.labels)
    fold = recipe.fold or 0
    further = PruningRecipe(fold=fold, fine_tuning_steps=recipe.finetune_steps, seed=recipe.seed, device="cpu")
    base, _ = training_of(model, source, data, further, progress, cancel)
    card = replace(model.card, forms=(), digests={}, accuracy=())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        before = save_model(card, [model.network(0).state_dict()], Path(folder, "before"))
        run = Path(folder, "run")
        config = further_training(
            base, card, data, str(cases), further, fold, recipe.finetune_steps, before, before, run
        )
        # The last word is that of the labels, measured through the engine; none is needed on the way.
        config = replace(config, fold=fold, validation_cases=1)
        result = train(config, progress, cancel, prepare=_rounding)
        return dict(load_model(result.model).network(0).state_dict())


def _rounding(network: nn.Module) -> None:
    round_convolutions(network)


def finetuned_card(model: Model, recipe: QuantizationRecipe, dice: float, source_dice: float) -> ModelCard:
    """The card of the fine-tuned model.

    Args:
        dice, source_dice: mean Dice on the measured cases of the new full weights and of the old ones.
    """
    card = model.card
    numbers = {
        "steps": float(recipe.finetune_steps),
        "dice": round(dice, 4),
        "source_dice": round(source_dice, 4),
    }
    told = f" Fine-tuned for 8 bits in {recipe.finetune_steps} steps from '{card.name}' {card.version}."
    return replace(
        card,
        description=f"{card.description}{told}".strip(),
        accuracy=(),
        accuracy_command="",
        forms=(),
        derived=(*card.derived, Derivation(KIND, card.name, card.version, model.digests, numbers)),
    )
