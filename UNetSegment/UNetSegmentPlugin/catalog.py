"""The models at hand: finding them, searching them, removing one."""

import shutil

from slicer.i18n import tr as _

from UNetSegmentLib.errors import ModelError, OutputError
from UNetSegmentLib.models import find_model, list_models, registry
from UNetSegmentLib.models.card import ModelCard


def cards() -> list[ModelCard]:
    """All models at hand, bundled ones and the user's own, by title."""
    return sorted(list_models(), key=lambda card: card.title.lower())


def locate(name: str) -> str:
    """The path of a model's package: what the panel shows is what the worker loads.

    Raises:
        ModelError: no such model; the message lists those that there are.
    """
    return str(find_model(name))


def matches(card: ModelCard, text: str) -> bool:
    """Whether every word of ``text`` occurs in what a user may know the model by."""
    known = " ".join(
        [card.name, card.title, card.anatomy, card.modality, card.description, *(label.name for label in card.labels)]
    ).lower()
    return all(word in known for word in text.lower().split())


def subtitle(card: ModelCard) -> str:
    """One short line under the title."""
    return " · ".join(part for part in (card.anatomy, card.modality) if part)


def remove(name: str) -> None:
    """Deletes one of the user's own models from the disk.

    Raises:
        ModelError: it is not one of them.
        OutputError: it cannot be deleted.
    """
    package = find_model(name)
    if package.parent != registry.user_model_folder():
        raise ModelError(_("'{name}' comes with UNetSegment and stays.").format(name=name))
    doomed = package.with_name(f".{package.name}.removed")
    try:
        # In one step first, so that a file in use leaves the whole model rather than half of it.
        package.replace(doomed)
    except OSError as error:
        raise OutputError(
            _("The model could not be removed ({reason}).").format(reason=error.strerror),
            _("Stop the run that uses it and try again."),
        ) from error
    if doomed.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        doomed.unlink(missing_ok=True)
