"""Errors as they stand in the panel: the cause in colour, what to do, and detail for the clipboard."""

import html

import slicer
from slicer.i18n import tr as _

# Tones that can be read on Slicer's light style and on its dark one.
WARNING_COLOR = "#c77700"
ERROR_COLOR = "#e0443e"
LINK_COLOR = "#3d8bdb"

COPY = "copy-details"


def problem_html(problem, copyable: bool = False) -> str:
    """An error (or a text) as rich text; ``copyable`` adds a link ``copy-details``, see :func:`copy_details`."""
    cause = getattr(problem, "cause", None) or str(problem)
    cure = getattr(problem, "cure", "")
    text = f"<b style='color:{ERROR_COLOR}'>{html.escape(cause, quote=False)}</b>"
    if cure:
        text += f"<br>{html.escape(cure, quote=False)}"
    if copyable:
        text += f"<br><a href='{COPY}' style='color:{LINK_COLOR}'>{_('Copy the details')}</a>"
    return text


def warning_html(text: str) -> str:
    """A warning sign and ``text``."""
    return f"<span style='color:{WARNING_COLOR}'>&#9888; {html.escape(text, quote=False)}</span>"


def copy_details(problem) -> None:
    """Puts everything that is known about an error on the clipboard."""
    code, detail = getattr(problem, "code", ""), getattr(problem, "detail", "")
    slicer.app.clipboard().setText("\n".join(part for part in (code, str(problem), detail) if part))
    slicer.util.showStatusMessage(_("The details are on the clipboard."), 3000)
