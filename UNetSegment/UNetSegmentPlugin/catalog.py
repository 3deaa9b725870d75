"""The models at hand: finding them, searching them, showing their cards, adding one."""

import html
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from slicer.i18n import tr as _

from UNetSegmentLib.errors import ModelError, OutputError
from UNetSegmentLib.models import find_model, list_models, read_card, user_model_folder
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


def card_html(card: ModelCard, expected: str, whole: bool) -> str:
    """The card as rich text for a label, with a link ``more`` or ``less``.

    Args:
        expected: the time that a run takes here, in words.
        whole: with descriptions and the intended use.
    """
    rows = [
        (_("Needs"), "<br>".join(_escaped(_channel(channel, whole)) for channel in card.inputs)),
        (_("Finds"), ", ".join(_swatch(label) for label in card.labels)),
        (_("Region"), _escaped(_field_of_view(card))),
        (_("Accuracy"), "<br>".join(_escaped(line) for line in _accuracy(card.accuracy))),
        (_("Time here"), _escaped(expected)),
        (_("Licence"), _escaped(card.licence)),
        (_("For"), _escaped(card.intended_use if whole else _first_sentences(card.intended_use))),
        (_("Trained on"), _escaped(card.training_data) if whole else ""),
    ]
    body = "".join(
        f"<tr><td style='padding-right:8px'><b>{name}</b></td><td>{value}</td></tr>" for name, value in rows if value
    )
    target, word = ("less", _("less")) if whole else ("more", _("more"))
    # The palette's link colour cannot be read on Slicer's dark style.
    link = f"<a href='{target}' style='color:#3d8bdb'>{word}</a>"
    description = f"<br>{_escaped(card.description)}" if whole else ""
    return f"<b>{_escaped(card.title)}</b> {_escaped(card.version)} {link}{description}<table>{body}</table>"


def add_package(path: str | os.PathLike) -> ModelCard:
    """Copies a model package (.zip) to the user's models, after reading its card.

    Raises:
        ModelError: it is no model package, or one of that name is there already.
        OutputError: it could not be copied.
    """
    source = Path(path)
    card = read_card(source)
    if any(card.name == other.name for other in cards()):
        raise ModelError(
            _("A model called '{name}' is there already.").format(name=card.name),
            _("Remove the other one from {folder} first.").format(folder=user_model_folder()),
        )
    folder = user_model_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            copied = shutil.copy2(source, scratch)
            Path(copied).replace(folder / f"{card.name}.zip")
    except OSError as error:
        raise OutputError(
            _("The model could not be copied to {folder} ({reason}).").format(folder=folder, reason=error.strerror),
            _("Check that there is space and that you may write there."),
        ) from error
    return card


def _channel(channel, whole: bool) -> str:
    text = f"{channel.name} ({channel.modality})" if channel.modality not in ("", channel.name) else channel.name
    return f"{text}: {channel.description}" if whole and channel.description else text


def _first_sentences(text: str) -> str:
    """The first two: what it is for and what not."""
    sentences = text.split(". ")
    return ". ".join(sentences[:2]).rstrip(".") + "." if text else ""


def _swatch(label) -> str:
    red, green, blue = label.color
    return f"<span style='color:rgb({red},{green},{blue})'>&#9632;</span>&nbsp;{_escaped(label.name)}"


def _field_of_view(card: ModelCard) -> str:
    if card.field_of_view_mm is None:
        return ""
    return _("about {size} mm").format(size=" × ".join(f"{side:g}" for side in card.field_of_view_mm))


def _accuracy(lines: Sequence) -> list[str]:
    """One line per label: the mean over its splits (folds), weighted by their cases."""
    texts = []
    for name in dict.fromkeys(line.label for line in lines):
        own = [line for line in lines if line.label == name]
        count = sum(line.cases for line in own)
        dice = sum(line.dice * line.cases for line in own) / max(count, 1)
        texts.append(_("{label}: Dice {dice:.3f}").format(label=name, dice=dice))
    cases = max((line.cases for line in lines), default=0)
    return [*texts, _("on {count} cases that it was not trained with").format(count=cases)] if texts else []


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")
