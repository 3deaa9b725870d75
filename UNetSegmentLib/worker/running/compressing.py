"""The worker's request that makes a quick version: from a model and cases to a package among the user's own."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...progress import CancelToken, ProgressCallback, Stage
from ..protocol.compression import INT8, Compress, Compressed, CompressionOrder, CompressionOutcome
from .niceness import step_back

if TYPE_CHECKING:
    from ...compression.result import Compressed as Made
    from ...models.card import ModelCard

    Recipe = Callable[[CompressionOrder, Path, ProgressCallback, CancelToken], Made]

logger = logging.getLogger(__name__)


def compress(
    request: Compress, progress: ProgressCallback, cancel: CancelToken, recipes: dict[str, Recipe] | None = None
) -> Compressed:
    """Makes the package in a folder that no list of models shows, and puts it in its place when it is whole.

    Stages told: those of the recipe, then ``install``.

    Args:
        recipes: by the names that orders give, in place of the library's.

    Raises:
        UNetSegmentError: what the cases, the model, the recipe or the disk had to say. Nothing has changed then.
        Cancelled: the token was set. Nothing has changed then either.
    """
    from ...io.atomic import output_error
    from ...models.locations import user_model_folder
    from ...models.staging import staging_folder

    started = time.perf_counter()
    step_back()
    order = request.order
    make = (recipes or {INT8: _quantized}).get(order.recipe)
    if make is None:
        raise InputError(f"There is no recipe '{order.recipe}' for a quick version.", f"Known is: {INT8}.")
    models = Path(request.models) if request.models is not None else user_model_folder()
    try:
        models.mkdir(parents=True, exist_ok=True)
        with staging_folder(models) as staging:
            made = make(order, staging / order.name, progress, cancel)
            stage = Stage("install", 1, progress, cancel)
            package = _install(made.package, models, order)
            stage.step()
    except OSError as error:
        raise output_error(models, error) from error
    for note in made.notes:
        logger.info("%s", note)
    outcome = _outcome(order, made, package)
    return Compressed(request.id, replace(outcome, seconds=time.perf_counter() - started))


def _quantized(order: CompressionOrder, output: Path, progress: ProgressCallback, cancel: CancelToken) -> Made:
    from ...compression import QuantizationRecipe, quantize

    recipe = QuantizationRecipe(max_loss=order.allowed_loss, again=True)
    return quantize(order.model, output, order.cases, recipe, progress, cancel)


def _install(made: Path, models: Path, order: CompressionOrder) -> Path:
    """Puts the package among the user's models, the way that imported ones go: whole, and what lies beside it stays."""
    from ...models.files import CARD
    from ...models.importing import import_model
    from ...models.opening import read_card
    from ...models.serialization import card_to_text

    card = replace(read_card(made), title=order.title)
    # Nobody else sees this folder, and no digest covers the card.
    (made / CARD).write_text(card_to_text(card), encoding="utf-8")
    package: Path = import_model(made, models, order.name)[0]
    return package


def _outcome(order: CompressionOrder, made: Made, package: Path) -> CompressionOutcome:
    from ...models.opening import read_card

    card = read_card(package)
    before, after = made.before, made.after
    outcome = CompressionOutcome(
        name=card.name,
        version=card.version,
        title=card.title,
        folder=str(package),
        recipe=order.recipe,
        bytes_before=made.bytes_before,
        bytes_after=made.bytes_after,
        speed=_finite(made.speed),
        notes=made.notes,
    )
    if before is not None and after is not None:
        outcome = replace(
            outcome,
            cases=len(after.cases),
            dice_before=_finite(before.mean),
            dice_after=_finite(after.mean),
            worst_loss=_finite(before.worst_loss(after)),
        )
    return _with_agreement(outcome, card)


def _with_agreement(outcome: CompressionOutcome, card: ModelCard) -> CompressionOutcome:
    """What the card says of how much the small form departs from the full weights."""
    measured = [form.accuracy for form in card.forms if form.kind.startswith(outcome.recipe) and form.accuracy]
    if not measured:
        return outcome
    return replace(outcome, agreement=measured[0].agreement, cases=outcome.cases or measured[0].cases)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
