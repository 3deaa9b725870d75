"""A model's card as rich text."""

import html
from collections.abc import Callable, Sequence

from slicer.i18n import tr as _

from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.models.colour import reads_colours

from ..problems import LINK_COLOR
from ..widgets.widths import fitting
from . import expectation, licences

FEW_LABELS = 12
"""Up to so many structures are listed in the card itself; more are counted and get a list of their own."""

LABELS = "labels"

_DOT = " · "
_LONGEST_TIP = 40


def card_html(card: ModelCard, expected: str, quick: str = "", host: str = "") -> str:
    """The whole card as rich text for a label, with a link ``labels`` where there are too many structures for a line.

    Args:
        expected: the time that a run takes here (or on ``host``), in words.
        quick: its quick version, in words.
    """
    rows = [
        (_("Needs"), _needs(card)),
        (_("Finds"), _structures(card)),
        (_("Region"), _escaped(_field_of_view(card))),
        (_("Accuracy"), "<br>".join(_escaped(line) for line in _accuracy(card.accuracy))),
        (_("Quick version"), _escaped(quick)),
        (_("Time on {host}").format(host=host) if host else _("Time here"), _escaped(expected)),
        (_("Licence"), _escaped(licences.stated(card.licence))),
        (_("For"), _escaped(card.intended_use)),
        (_("Trained on"), _escaped(card.training_data)),
        (_("Cite"), _escaped(card.citation)),
        (_("From"), _escaped(card.source)),
    ]
    body = "".join(
        f"<tr><td style='padding-right:8px'><b>{name}</b></td><td>{value}</td></tr>" for name, value in rows if value
    )
    description = f"<br>{_escaped(card.description)}" if card.description else ""
    return f"<b>{_escaped(card.title)}</b> {_escaped(card.version)}{description}<table>{body}</table>"


def finds_html(card: ModelCard, width: int, measure: Callable[[str], int]) -> str:
    """What the model finds, on one line: as many names as fit into ``width`` pixels, and how many more there are.

    Args:
        measure: the pixels that a text takes.
    """
    if len(card.labels) > FEW_LABELS:
        return _counted_html(card, width, measure)
    mark = measure("\N{BLACK SQUARE}\N{NO-BREAK SPACE}")
    taken = [measure(f"{label.name}, ") + mark for label in card.labels]
    head = _("Finds") + " "
    if sum(taken) <= width:
        names = ", ".join(_swatch(label) for label in card.labels)
        return head + names if measure(head) + sum(taken) <= width else names
    count = max(fitting(taken, width - measure(_more(len(taken)))), 1)
    return ", ".join([*(_swatch(label) for label in card.labels[:count]), *_rest(len(taken) - count)])


def _counted_html(card: ModelCard, width: int, measure: Callable[[str], int]) -> str:
    """The number of structures as a link to their list, and the first of them."""
    head = _("{count} structures").format(count=len(card.labels))
    taken = [measure(f"{label.name}, ") for label in card.labels[:FEW_LABELS]]
    count = fitting(taken, width - measure(f"{head}: ..."))
    names = "".join(f"{_escaped(label.name)}, " for label in card.labels[:count])
    return f"{_link(LABELS, head)}: {names}..."


def facts_text(card: ModelCard, seconds: float | None, host: str = "") -> str:
    """Time here (or on a host) and licence, on one line."""
    if seconds is None:
        time = _("not run yet")
    else:
        time = expectation.in_words(seconds) if seconds >= 1 else _("under 1 s")
        time = (_("{time} on {host}") if host else _("{time} here")).format(time=time, host=host)
    return _DOT.join([time, card.licence.strip() or _("licence not stated")])


def names_tip(card: ModelCard) -> str:
    """All structures, for a tool tip; of very many the first."""
    names = ", ".join(label.name for label in card.labels[:_LONGEST_TIP])
    more = len(card.labels) - _LONGEST_TIP
    return f"{names}, {_more(more)}" if more > 0 else names


def _more(count: int) -> str:
    return _("+{count} more").format(count=count)


def _rest(count: int) -> list[str]:
    return [_more(count)] if count > 0 else []


def _needs(card: ModelCard) -> str:
    if reads_colours(card):
        return _escaped(_("A colour image ({modality})").format(modality=card.inputs[0].modality))
    return "<br>".join(_escaped(_channel(channel)) for channel in card.inputs)


def _channel(channel) -> str:
    text = f"{channel.name} ({channel.modality})" if channel.modality not in ("", channel.name) else channel.name
    return f"{text}: {channel.description}" if channel.description else text


def licence_html(card: ModelCard) -> str:
    """What a user has to read before the first use of a model that is not ours."""
    if card.licence.strip():
        text = _("Licence: {licence}.").format(licence=card.licence.strip().rstrip("."))
        ask = _("You may use the model under this licence only.")
    else:
        text = _("Its licence is not stated.")
        ask = _("Use it only as far as its authors allow; ask them where you cannot tell.")
    source = f"<br>{_('From')}: {_escaped(card.source)}" if card.source else ""
    return f"<b>{_('Before the first use')}</b><br>{_escaped(text)} {_escaped(ask)}{source}"


def _structures(card: ModelCard) -> str:
    if len(card.labels) <= FEW_LABELS:
        return ", ".join(_swatch(label) for label in card.labels)
    first = ", ".join(_escaped(label.name) for label in card.labels[:3])
    count = _("{count} structures: {first}, ...").format(count=len(card.labels), first=first)
    return f"{count} {_link(LABELS, _('list'))}"


def _link(target: str, word: str) -> str:
    # The palette's link colour cannot be read on Slicer's dark style.
    return f"<a href='{target}' style='color:{LINK_COLOR}'>{word}</a>"


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
        pixels = own[0].pixels
        if pixels is not None:
            words = _("F1 {f1:.3f}, AUC {auc:.3f}, sensitivity {sensitivity:.3f}, specificity {specificity:.3f}")
            texts.append(
                words.format(
                    f1=pixels.f1, auc=pixels.auc, sensitivity=pixels.sensitivity, specificity=pixels.specificity
                )
            )
    cases = max((line.cases for line in lines), default=0)
    return [*texts, _("on {count} cases that it was not trained with").format(count=cases)] if texts else []


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")
