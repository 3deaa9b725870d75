"""Where a quick version goes: into the model's own package, or into a copy where that may not be changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from slicer.i18n import tr as _

from UNetSegmentLib.models.card import ModelCard

from ..models import licences

_SUFFIX = "-quick"


@dataclass(frozen=True)
class Target:
    """The package that is written.

    Args:
        name, title: of the model that has the quick version in the end.
        copy: it is another model than the one that it is made of.
        problem: why it cannot be written, in words.
    """

    name: str
    title: str
    copy: bool = False
    problem: str = ""


def target_of(card: ModelCard, cards: Sequence[ModelCard]) -> Target:
    """What comes of making a quick version of ``card``, among the models that there are."""
    if not licences.is_bundled(card.name):
        return Target(card.name, card.title)
    name, title = card.name + _SUFFIX, _("{title}, quick").format(title=card.title)
    other = next((other for other in cards if other.name == name), None)
    if other is None or other.forms:
        return Target(name, title, True)
    problem = _("There is another model called '{name}' already. Remove it first.").format(name=name)
    return Target(name, title, True, problem)
