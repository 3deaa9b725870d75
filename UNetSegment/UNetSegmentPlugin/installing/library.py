"""The library of models as the dialog shows it: entries, filters, and an entry's card."""

import html
from collections.abc import Sequence

from slicer.i18n import tr as _

from UNetSegmentLib.models.library import catalogue, search, unavailable

from ..models import licences
from ..problems import LINK_COLOR
from .installation_view import size_text

COMMERCIAL = "commercial"
"""Filter by licence: only what may be used commercially. Any other filter is a licence's identifier."""


def entries() -> list:
    """All entries of the catalogue (``UNetSegmentLib.models.library.Entry``), by title. Reads a file, no network."""
    return sorted(catalogue(), key=lambda entry: entry.title.lower())


def filtered(every: Sequence, text: str, region: str, modality: str, licence: str) -> list:
    """The entries that fit; an empty filter lets everything through."""
    commercial = licence == COMMERCIAL
    found = search(
        text, modality=modality, licence="" if commercial else licence, commercial_only=commercial, entries=every
    )
    found = [entry for entry in found if not region or region in entry.regions]
    return found if text.strip() else sorted(found, key=lambda entry: entry.title.lower())


def regions(every: Sequence) -> list[str]:
    """Body regions that occur."""
    return sorted({region for entry in every for region in entry.regions})


def modalities(every: Sequence) -> list[str]:
    """Modalities that occur."""
    return sorted({modality for entry in every for modality in entry.modalities})


def licence_names(every: Sequence) -> list[str]:
    """Licences that occur."""
    return sorted({entry.licence for entry in every})


def cells(entry) -> tuple[str, ...]:
    """A row of the list: room for a mark, title over anatomy, modality, size, licence."""
    size = size_text(entry.bytes) if entry.bytes is not None else ""
    return "", f"{entry.title}\n{entry.anatomy}", ", ".join(entry.modalities), size, entry.licence


def structures(entry) -> list[str]:
    """Names of what the model finds."""
    return [name for _value, name in entry.labels if name not in entry.hidden]


def not_offered(text: str) -> str:
    """Models that somebody who types ``text`` may look for and that cannot be offered, with the reason; or nothing."""
    words = text.lower().split()
    missing = [
        each for each in unavailable() if words and all(word in f"{each.name} {each.title}".lower() for word in words)
    ]
    return "<br>".join(
        _("Not offered here: {title}: {reason}").format(title=_escaped(each.title), reason=_escaped(each.reason))
        for each in missing[:2]
    )


def entry_html(entry, is_installed: bool) -> str:
    """An entry's card as rich text; its links are web addresses."""
    use = _("commercial use allowed") if entry.commercial else _("no commercial use")
    licence = f"{_escaped(licences.stated(entry.licence))}, {use}"
    if entry.licence_address:
        licence += f" ({_link(entry.licence_address, _('text'))})"
    rows = [
        (_("Anatomy"), _escaped(entry.anatomy)),
        (_("Modality"), ", ".join(entry.modalities)),
        (_("Needs"), _escaped(", ".join(entry.inputs))),
        (_("Finds"), _("{count} structures (below)").format(count=len(structures(entry)))),
        (_("Grid"), " × ".join(f"{side:.3g}" for side in entry.spacing_mm) + " mm" if entry.spacing_mm else ""),
        (_("Licence"), f"<b>{licence}</b>"),
        (_("Download"), size_text(entry.bytes)),
        (_("Trained on"), _escaped(entry.training_data)),
        (_("Differs"), _escaped(entry.protocol)),
        (_("Cite"), _escaped(entry.citation)),
        (_("Source"), _link(entry.homepage, entry.homepage)),
        (_("Files"), "<br>".join(_link(part.file.address, part.file.name) for part in entry.parts)),
    ]
    body = "".join(
        f"<tr><td style='padding-right:8px'><b>{name}</b></td><td>{value}</td></tr>" for name, value in rows if value
    )
    mark = f" ({_('installed')})" if is_installed else ""
    return f"<h3>{_escaped(entry.title)}{mark}</h3><p>{_escaped(entry.description)}</p><table>{body}</table>"


def _link(address: str, text: str) -> str:
    return f"<a href='{html.escape(address)}' style='color:{LINK_COLOR}'>{_escaped(text)}</a>"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")
