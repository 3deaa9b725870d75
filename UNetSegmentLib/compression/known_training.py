"""How a model was trained, where that is known; else how it would be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..models import Model
from ..models.card import ModelCard
from ..progress import CancelToken, ProgressCallback
from ..training.config.codec import load_config
from ..training.config.config import TrainingConfig
from ..training.layouts.dataset import Dataset
from ..training.loop.run import CONFIG
from ..training.planning.configuration import Request
from ..training.planning.plan import plan_training
from ..training.planning.preferences import Preferences


def known_or_planned(
    model: Model,
    named: str | Path | None,
    data: Dataset,
    request: Request,
    steps: int,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> tuple[TrainingConfig, Path | None]:
    """A configuration whose loss, sampling, augmentation and optimiser are the model's own, as far as they are known.

    Args:
        named: a configuration file of the user's; None looks beside the package (which keeps notes) and one folder up
            (where a run has it).
        data: the data set that a training is planned from where none is known.
        request, steps: of that plan.

    Returns:
        The configuration, and the file that it comes from; None where it was planned.

    Raises:
        InputError: the file that is named cannot be read, or is of another model.
    """
    if named is not None:
        path = Path(named)
        config = load_config(path)
        if not _same_answer(config.card, model.card):
            raise InputError(
                f"The training {path} is of another model: its labels or its network's inputs differ.",
                "Give the model's own training.json, or leave it out.",
            )
        return config, path
    for place in [] if model.folder is None else [model.folder / CONFIG, model.folder.parent / CONFIG]:
        if place.is_file() and _same_answer((config := load_config(place)).card, model.card):
            return config, place
    config = plan_training(data, request, Preferences(steps=steps), progress, cancel).config
    # What the model mirrors in use it has seen mirrored; of the other axes nobody knows.
    z, y, x = (0.5 if axis in model.card.inference.mirror_axes else 0.0 for axis in range(3))
    return replace(config, augmentation=replace(config.augmentation, flip=(z, y, x))), None


def planned_in_words(card: ModelCard, whose: str) -> str:
    """The note where a training was planned; ``whose`` is ``model`` or ``teacher``."""
    axes = card.inference.mirror_axes
    where = f"the axes that the {whose} mirrors" if axes else f"no axis, as the {whose} mirrors none"
    return (
        f"How the {whose} was trained is not known: a training was planned from the data set, with flips along {where}."
    )


def _same_answer(card: ModelCard, other: ModelCard) -> bool:
    mine, theirs = card.inference, other.inference
    return (mine.output_values, mine.activation, card.network.in_channels, card.network.dimension) == (
        theirs.output_values,
        theirs.activation,
        other.network.in_channels,
        other.network.dimension,
    )
