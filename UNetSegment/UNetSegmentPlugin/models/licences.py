"""Whose licence the user has read: asked once for each model and licence, remembered between sessions."""

import hashlib

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.models import locations
from UNetSegmentLib.models.card import ModelCard

# This extension's own; whoever uses the extension has accepted it.
_OURS = ("Apache-2.0",)
_KEY = "UNetSegment/AcceptedLicences/{name}"


def stated(licence: str) -> str:
    """The licence for people: an empty one is told as such."""
    return licence.strip() or _("not stated")


def must_be_accepted(card: ModelCard) -> bool:
    """Whether the card's licence has to be shown and accepted before the model runs for the first time."""
    # What follows the identifier is the address of its text.
    ours = card.licence.split(" (")[0].strip() in _OURS
    return not ours and not is_bundled(card.name) and not is_accepted(card.name, card.licence)


def is_accepted(name: str, licence: str) -> bool:
    """Whether the user has accepted this licence for what is called ``name``."""
    return qt.QSettings().value(_KEY.format(name=name)) == _digest(licence)


def accept(name: str, licence: str) -> None:
    """Notes that the user has accepted the licence. Another licence under the same name is asked for anew."""
    qt.QSettings().setValue(_KEY.format(name=name), _digest(licence))


def is_bundled(name: str) -> bool:
    """Whether the model comes with this extension."""
    *bundled, _user = locations.model_folders()
    return any((folder / name).is_dir() for folder in bundled)


def _digest(licence: str) -> str:
    return hashlib.sha256(licence.encode()).hexdigest()[:16]
