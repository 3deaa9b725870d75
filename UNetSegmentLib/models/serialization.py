"""Model cards and network descriptions as JSON values."""

from __future__ import annotations

from typing import Any

from ..errors import ModelError
from ..io.json_files import no_constant, unique_keys
from ..networks.architectures import check_config
from ..networks.config import AnyNetwork
from . import typed_json
from .card import FORMAT_VERSION, ModelCard
from .json_text import parse_json
from .typed_json import fail
from .validation import check_card, check_label_count


def card_to_json(card: ModelCard) -> dict[str, Any]:
    """The card as plain JSON values, in the order of the dataclass's fields with the format's version first."""
    fields = typed_json.to_json(card)
    return {"format_version": fields.pop("format_version"), **fields}


def card_from_json(data: Any) -> ModelCard:
    """The card that ``data`` (what ``json.loads`` returned) describes, checked as a whole.

    Raises:
        ModelError: a field is unknown, missing, of the wrong type or at odds with another; or the format is newer than
            this version of UNetSegment knows.
    """
    if not isinstance(data, dict):
        raise fail("(whole card)", data, "an object")
    _check_version(data)
    check_label_count(data.get("labels"))
    try:
        card = typed_json.from_json(ModelCard, data)
    except RecursionError:
        raise fail("(whole card)", "nested without end", "a card of a few levels") from None
    check_card(card, packaged=True)
    return card


def card_to_text(card: ModelCard) -> str:
    """The text of ``model.json``."""
    return typed_json.readable(card_to_json(card)) + "\n"


def card_from_text(text: str | bytes) -> ModelCard:
    """Reads :func:`card_to_text`'s form.

    Raises:
        ModelError: not JSON, or not a card (see :func:`card_from_json`).
    """
    try:
        data = parse_json(text, no_constant, unique_keys)
    except ValueError as error:
        raise ModelError(
            f"The model card (model.json) is not readable JSON: {error}.", "Get the model again from its source."
        ) from None
    return card_from_json(data)


def config_to_dict(config: AnyNetwork) -> dict[str, Any]:
    """The network's description as plain JSON values."""
    return dict(typed_json.to_json(config))


def config_from_dict(data: Any) -> AnyNetwork:
    """The network that ``data`` describes.

    Raises:
        ModelError: a field is unknown, missing, of the wrong type or at odds with another.
    """
    config: AnyNetwork = typed_json.from_json(AnyNetwork, data, "network")  # type: ignore[arg-type]
    check_config(config)
    return config


def _check_version(data: dict[str, Any]) -> None:
    """Before anything else, because a newer format may have fields that we would call unknown."""
    version = data.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise fail("format_version", version, f"a whole number from 1 to {FORMAT_VERSION}")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"The model is too new: its format is version {version}, this UNetSegment reads up to {FORMAT_VERSION}.",
            "Update UNetSegment and load the model again.",
        )
