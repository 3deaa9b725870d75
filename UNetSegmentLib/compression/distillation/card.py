"""What the card of a student says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import ModelError
from ...models import Model
from ...models.card import Derivation, ModelCard
from ..held_out import accuracy_lines
from ..measuring import Measured

KIND = "distilled"


def check_no_student(card: ModelCard, again: bool) -> None:
    """Refuses a teacher that is a student itself, unless told.

    Raises:
        ModelError: it is.
    """
    if not again and any(step.kind == KIND for step in card.derived):
        raise ModelError(
            f"'{card.name}' was distilled before, and each time a little is lost.",
            "Distil the model that it was made of, or say that you mean it (--force).",
        )


def student_card(
    card: ModelCard,
    teachers: Sequence[Model],
    fold: int,
    before: Measured,
    after: Measured,
    numbers: dict[str, float],
) -> ModelCard:
    """The card of the finished student, with its own accuracy and where it comes from.

    Args:
        card: of the package that the training wrote.
        numbers: of the distillation; what was measured is added.
    """
    measured = {
        "dice": round(after.mean, 4),
        "source_dice": round(before.mean, 4),
        "worst_loss": round(before.worst_loss(after), 4),
    }
    first = teachers[0].card
    names = " and ".join(f"'{model.card.name}' {model.card.version}" for model in teachers)
    sentence = (
        f" A student of {names} with {numbers['operations']:.0%} of its operations, trained on its answers and on "
        f"labels. Mean Dice of {len(after.cases)} cases (fold {fold}, held out): {before.mean:.4f} of the teacher, "
        f"{after.mean:.4f} of the student."
    )
    return replace(
        card,
        description=f"{first.description}{sentence}".strip(),
        accuracy=accuracy_lines(after, f"fold {fold}, held out"),
        accuracy_command=f"unetsegment evaluate --model MODEL --data DATA --fold {fold}",
        derived=(
            *first.derived,
            *(
                Derivation(KIND, model.card.name, model.card.version, model.digests, {**numbers, **measured})
                for model in teachers
            ),
        ),
    )
