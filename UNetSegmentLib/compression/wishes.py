"""What a recipe was asked for: values that cannot work, and losses that are larger than they may be."""

from __future__ import annotations

from ..errors import InputError, ModelError


def check_wishes(recipe: object, what: str, **fields: tuple[bool, str]) -> None:
    """Refuses a recipe with a value that cannot work.

    Args:
        what: the recipe in a word, such as ``pruning``.
        fields: by the name of the recipe's field whether its value is fine, and what would be.

    Raises:
        InputError: naming the first value that is not.
    """
    for name, (fine, wanted) in fields.items():
        if not fine:
            raise InputError(f"The {what}'s '{name}' is {getattr(recipe, name)}.", f"Give {wanted}.")


def accept_loss(text: str, unreached: bool, cure: str, detail: str = "") -> str:
    """A note on a result that loses more than it may, where the user takes it all the same.

    Args:
        text: what is lost and what may be, a sentence without its full stop.
        unreached: whether the user takes it.
        cure: what else could be done.

    Raises:
        ModelError: the user does not.
    """
    if unreached:
        return f"{text}. It was written all the same, as asked."
    raise ModelError(f"{text}. No package was written.", f"{cure}, or take it as it is (--unreached).", detail)
