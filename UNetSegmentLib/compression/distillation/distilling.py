"""From packages to a smaller one that has learned from them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError
from ...inference.settings import EngineSettings
from ...models import Model, load_model, save_model
from ...models.card import ModelCard
from ...networks.config import OpaqueNetwork
from ...progress import CancelToken, ProgressCallback
from ...training.cases.dataset import open_dataset
from ...training.layouts.dataset import Dataset
from ...training.layouts.naming import numbered_like, unlike_names
from ...training.loop.loop import train
from ...training.planning.configuration import FOLDS
from ...training.teaching.teacher import check_teacher
from ...training.teaching.unlabelled import find_unlabelled
from ..cases import CompressionCase, find_cases, too_few
from ..checking import check_licence, check_output
from ..measuring import Measured, has_labels, measure
from ..result import Compressed, weight_bytes
from ..timing import tile_seconds
from ..wishes import accept_loss
from .card import KIND, check_no_student, student_card
from .recipe import DistillationRecipe
from .settings import student_training
from .student import Student, plan_student

log = logging.getLogger(__name__)

_MUCH = 0.03  # mean Dice
_POOR = "The student loses {:.3f} mean Dice, which is much: train longer (--steps, --minutes), or give a larger size."

_SETTINGS = EngineSettings(backend="torch")


def distill(
    source: str | Path | Sequence[str | Path],
    output: str | Path,
    cases: str | Path,
    recipe: DistillationRecipe | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    work: str | Path | None = None,
    force: bool = False,
) -> Compressed:
    """Trains a student of one or several teachers, and measures both on cases that it has not seen.

    Args:
        source: names or paths of the teachers, whose logits are averaged; the student takes the first one's card. Any
            model can teach, an imported nnU-Net with all its folds and mirrors too.
        output: folder of the student's package, whole or not there.
        cases: a data set with labels, in any layout that ``train`` reads.
        recipe: see there.
        work: folder of the training, which goes on there where it was cut off; None takes one beside ``output``, whose
            name ends in ``-training``. It stays: with a checkpoint, a log and the curve.
        force: replace a package at ``output``.

    Raises:
        ModelError: a licence that forbids a smaller form, a teacher that is a student itself, or a student that lost
            more than it may, with what was reached.
        InputError: no labels, other channels or labels than the model's, no fold, teachers that differ, or a size
            that no student has.
        OutputError: ``output`` is taken or cannot be written.
        Cancelled: the token was set; a checkpoint is left.
    """
    recipe, output = recipe or DistillationRecipe(), Path(output)
    sources = [str(source)] if isinstance(source, str | Path) else [str(one) for one in source]
    models = [load_model(one) for one in sources]
    check_teachers(models, recipe)
    for model in models:
        check_output(output, model.folder, force)
    student = plan_student(models[0].card, recipe)
    for model in models:
        check_teacher(model, student.card)
    data, held_out, notes = _cases(cases, models[0].card, recipe)
    folder = Path(work) if work is not None else output.with_name(f"{output.name}-training")
    config, chosen = student_training(models, sources, student.card, data, str(cases), recipe, folder, progress, cancel)
    notes = (*student.notes, *notes, *chosen)
    for note in notes:
        log.info("%s", note)
    before = measure(_unseeing(models[0], data, recipe), held_out, _SETTINGS, progress, cancel, stage_name="teacher")
    result = train(config, progress, cancel)
    extra = {"steps": float(result.steps), "temperature": recipe.temperature, "share": recipe.share}
    if recipe.maps_weight:
        extra["maps_weight"] = recipe.maps_weight
    if recipe.unlabelled is not None:
        extra["unlabelled"] = float(len(find_unlabelled(recipe.unlabelled, student.card.network.in_channels)))
    notes += (f"Log, curve and checkpoint of the training lie in {folder}.", *_seen(models[0], data))
    trained = load_model(result.model)
    return finish(models, trained, student, held_out, before, recipe, output, extra, notes, progress, cancel)


def check_teachers(models: Sequence[Model], recipe: DistillationRecipe) -> None:
    """Refuses teachers that must not or cannot have a student.

    Raises:
        ModelError, InputError: saying why.
    """
    if not models:
        raise InputError("There is no teacher.", "Name a model.")
    for model in models:
        check_licence(model.card)
        check_no_student(model.card, recipe.again)
    if recipe.maps_weight and isinstance(models[0].card.network, OpaqueNetwork):
        raise InputError(
            f"'{models[0].card.name}' is a program of its own, whose maps cannot be looked at.", "Set maps_weight to 0."
        )


def finish(
    teachers: Sequence[Model],
    trained: Model,
    student: Student,
    held_out: Sequence[CompressionCase],
    before: Measured,
    recipe: DistillationRecipe,
    output: Path,
    numbers: dict[str, float],
    notes: tuple[str, ...] = (),
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Compressed:
    """Measures a trained student and writes its package.

    Raises:
        ModelError: it lost more than it may; nothing is written.
    """
    assert recipe.fold is not None
    after = measure(trained, held_out, _SETTINGS, progress, cancel, stage_name="student")
    notes += (*_judged(before, after, trained, recipe), *too_few(held_out))
    numbers = {"operations": round(student.operations, 4), "parameters": round(student.parameters, 4), **numbers}
    card = student_card(trained.card, teachers, recipe.fold, before, after, numbers)
    package = save_model(card, [trained.network().state_dict()], output)
    return Compressed(
        package,
        KIND,
        before,
        after,
        weight_bytes(teachers[0]),
        weight_bytes(load_model(package)),
        notes,
        *tile_seconds(teachers[0], trained),
    )


def _judged(before: Measured, after: Measured, trained: Model, recipe: DistillationRecipe) -> tuple[str, ...]:
    """A note where more was lost than may be, and the user wants the student all the same.

    Raises:
        ModelError: the user does not.
    """
    loss = before.mean - after.mean
    if recipe.max_loss is None:
        return () if loss <= _MUCH else (_POOR.format(loss),)
    if loss <= recipe.max_loss:
        return ()
    text = (
        f"The student's mean Dice on {len(after.cases)} held-out cases is {after.mean:.4f}, the teacher's "
        f"{before.mean:.4f}: {loss:.4f} are lost, {recipe.max_loss:.4f} may be"
    )
    where = trained.folder.parent if trained.folder else "its folder"
    cure = f"Train longer (the training in {where} goes on), give a larger size, allow a larger loss"
    return (accept_loss(text, recipe.unreached, cure),)


def _cases(
    cases: str | Path, card: ModelCard, recipe: DistillationRecipe
) -> tuple[Dataset, tuple[CompressionCase, ...], tuple[str, ...]]:
    """The data set, the cases that measure, and notes.

    Raises:
        InputError: they do not suit.
    """
    found = find_cases(cases, card)
    if not has_labels(found) or any(case.data is None for case in found):
        raise InputError(
            f"'{cases}' holds images without labels; some labelled cases are needed to measure the student.",
            "Give a data set with label maps, and the images without labels beside it (--unlabelled FOLDER).",
        )
    data = numbered_like(open_dataset(cases, folds=FOLDS), card.labels)
    if data.channels and len(data.channels) != card.network.in_channels:
        raise InputError(
            f"The cases have {len(data.channels)} channels, '{card.name}' takes {card.network.in_channels}.",
            "Give cases with the model's channels.",
        )
    known = {label.value for label in card.labels}
    strange = [] if data.regions else [value for value in data.labels if value not in known]
    if strange:
        raise InputError(
            f"The cases have the label '{data.labels[strange[0]]}' ({strange[0]}), which '{card.name}' does not know.",
            "Give cases with the model's own labels: a student answers as its teacher does.",
        )
    if recipe.fold is None:
        raise InputError(
            f"It is not said which cases are held out: the data set has the folds 0 to {len(data.folds) - 1}.",
            "Give the fold that the teacher was trained without, such as --fold 0. Its cases measure the student.",
        )
    names = set(data.split_to_train(recipe.fold)[1])
    if recipe.unlabelled is not None:
        _check_unlabelled(recipe.unlabelled, card, names)
    held_out = tuple(case for case in found if case.name in names)
    if not held_out:
        raise InputError(f"Fold {recipe.fold} of the data set holds out no case.", "Choose another fold.")
    return data, held_out, unlike_names(data, card.labels)


def _check_unlabelled(folder: str, card: ModelCard, held_out: set[str]) -> None:
    """Refuses a held-out case that came back without its labels."""
    both = [name for name in find_unlabelled(folder, card.network.in_channels) if name in held_out]
    if both:
        raise InputError(
            f"The case {both[0]} lies among the images without labels and is held out too ({len(both)} such cases).",
            "Remove from the unlabelled images what the student is measured on.",
        )


def _unseeing(model: Model, data: Dataset, recipe: DistillationRecipe) -> Model:
    """Of a teacher with a network for each fold the one that has not seen the held-out cases."""
    one_each = model.folds > 1 and model.folds == len(data.folds)
    return model.one_fold(recipe.fold or 0) if one_each else model


def _seen(model: Model, data: Dataset) -> tuple[str, ...]:
    if model.folds > 1 and model.folds == len(data.folds):
        return (
            "All networks of the teacher taught; it was measured by the one of this fold. The others have seen the "
            "held-out cases, whose images and labels the student never got.",
        )
    return ()
