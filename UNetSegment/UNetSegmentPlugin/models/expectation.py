"""How long a run takes here, learnt from the runs before and remembered between sessions."""

import qt
from slicer.i18n import tr as _

_KEY = "UNetSegment/SecondsPerRun/{model}/{device}/{preset}"


def remember(model: str, device: str, preset: str, seconds: float) -> None:
    """Notes what a run took."""
    qt.QSettings().setValue(_KEY.format(model=model, device=device, preset=preset), float(seconds))


def recall(model: str, device: str, preset: str) -> float | None:
    """What the last run took, None when there was none."""
    value = qt.QSettings().value(_KEY.format(model=model, device=device, preset=preset))
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def in_words(seconds: float | None) -> str:
    """A duration as people say it."""
    if seconds is None:
        return _("known after the first run")
    if seconds < 1:
        return _("less than a second")
    if seconds < 90:
        return _("{count} s").format(count=round(seconds))
    return _("{count} min").format(count=round(seconds / 60))
