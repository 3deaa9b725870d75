"""The scripted use of the module: names and nodes in, a segmentation node out."""

from collections.abc import Callable, Sequence
from typing import Any

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.models import list_models
from UNetSegmentLib.models.card import ModelCard

from .results import NEW, Destination
from .runs import Order, Run


def make_order(
    volume_node,
    model: str,
    roi=None,
    other_channels: Sequence = (),
    segmentation=None,
    policy: str | None = None,
    **options: Any,
) -> Order:
    """An order out of what a script gives.

    Raises:
        ModelError, InputError: no such model, channels missing.
    """
    card = find_card(model)
    volumes = (volume_node, *other_channels)
    if any(node is None for node in volumes) or len(volumes) != len(card.inputs):
        names = ", ".join(channel.name for channel in card.inputs)
        raise InputError(
            f"'{card.name}' needs {len(card.inputs)} image(s) ({names}), {len(volumes)} given.",
            "Give the first as volume_node and the others as other_channels.",
        )
    if policy is None:
        policy = NEW if segmentation is None else "replace"
    destination = Destination(policy, segmentation)
    if destination.problem():
        raise InputError(destination.problem())
    return Order(volumes, card, roi, destination, **options)


def find_card(model: str) -> ModelCard:
    """The card of the model called ``model``.

    Raises:
        ModelError: no such model; the message lists those that there are.
    """
    from UNetSegmentLib.models import find_model, read_card

    for card in list_models():
        if card.name == model:
            return card
    return read_card(find_model(model))


def notify(runner, run: Run, on_progress: Callable[[Run], None] | None, on_done: Callable[[Run], None] | None) -> None:
    """Calls back for one run: ``on_progress`` at every change, ``on_done`` once at its end."""

    def changed(other: Run | None) -> None:
        if other is not run:
            return
        if run.state.final:
            runner.forget(changed)
            if on_done is not None:
                on_done(run)
        elif on_progress is not None:
            on_progress(run)

    runner.observe(changed)
