"""What the card of a pruned model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...errors import ModelError
from ...models import Model
from ...models.card import Derivation, ModelCard
from ...models.validation import MAX_NAME
from ...networks.config import AnyNetwork
from ..held_out import HeldOut, accuracy_lines, split_in_words
from ..measuring import Measured

KIND = "pruned"
_SUFFIX = f"-{KIND}"


def check_not_pruned(card: ModelCard, again: bool) -> None:
    """Refuses a model that was pruned before, unless told.

    Raises:
        ModelError: it was.
    """
    if not again and any(step.kind == KIND for step in card.derived):
        raise ModelError(
            f"'{card.name}' was pruned before, and each time a little is lost.",
            "Prune the model that it was made of further, or say that you mean it (--force).",
        )


def bare_card(card: ModelCard, network: AnyNetwork) -> ModelCard:
    """A card for another network, without what is true of the source's weights only."""
    return replace(card, network=network, weights=("weights.safetensors",), digests={}, forms=(), accuracy=())


def pruned_card(
    model: Model,
    network: AnyNetwork,
    held_out: Sequence[HeldOut],
    before: Measured,
    after: Measured,
    numbers: Mapping[str, float],
    how: str,
) -> ModelCard:
    """The card of the finished model, with its own accuracy and where it comes from.

    Args:
        model: the source.
        numbers: of the pruning; what was measured is added.
        how: what was done, to follow "Made of ...:".
    """
    card = model.card
    measured = {
        "dice": round(after.mean, 4),
        "source_dice": round(before.mean, 4),
        "worst_loss": round(before.worst_loss(after), 4),
    }
    split = split_in_words(held_out)
    sentence = (
        f" Made of '{card.name}' {card.version}: {how}. Mean Dice of {len(after.cases)} cases ({split}): "
        f"{before.mean:.4f} before, {after.mean:.4f} after."
    )
    fold = f" --fold {held_out[0].fold}" if len(held_out) == 1 and held_out[0].fold is not None else ""
    return replace(
        bare_card(card, network),
        name=card.name if card.name.endswith(_SUFFIX) else f"{card.name[: MAX_NAME - len(_SUFFIX)]}{_SUFFIX}",
        description=f"{card.description}{sentence}".strip(),
        accuracy=accuracy_lines(after, split),
        accuracy_command=f"unetsegment evaluate --model MODEL --data DATA{fold}",
        derived=(*card.derived, Derivation(KIND, card.name, card.version, model.digests, {**numbers, **measured})),
    )
