"""The forms that a model's networks come in: the full weights, and a quick version where one was made."""

from slicer.i18n import tr as _

from UNetSegmentLib.models.card import INT8_OPENVINO, CompressedForm, ModelCard
from UNetSegmentLib.models.small_forms import form_of

from . import catalog

AUTOMATIC, FULL, QUICK = "auto", "full", "quick"
# Of differences in Dice, under which none is seen.
_NOTHING = 0.0005


def quick_form(card: ModelCard | None) -> CompressedForm | None:
    """The model's quick version; None where it has none."""
    return form_of(card, INT8_OPENVINO) if card is not None else None


def runs_quick(card: ModelCard, chosen: str, preset: str) -> bool:
    """Whether a run takes the quick version, by what the user chose and by the preset."""
    if quick_form(card) is None:
        return False
    return chosen == QUICK or (chosen == AUTOMATIC and preset == "fast")


def setting_of(card: ModelCard, chosen: str) -> str | None:
    """The engine's setting ``form`` for what the user chose; None leaves it to the preset. Where the quick version
    cannot run, on a graphics card say, the engine takes the full model and says so."""
    if chosen == QUICK and quick_form(card) is not None:
        return "smallest"
    return FULL if chosen == FULL else None


def quick_text(card: ModelCard) -> str:
    """The quick version in a few words: ``INT8, 0.9 MB, loses 0.001 Dice on 44 cases``; empty without one."""
    form = quick_form(card)
    if form is None:
        return ""
    return ", ".join(part for part in ("INT8", _size_text(card, form), _loss_text(form)) if part)


def size_words(count: int) -> str:
    """A number of bytes as people say it: a small model's with a decimal."""
    megabytes = count / 1e6
    if megabytes < 0.1:
        return _("{size} kB").format(size=round(count / 1e3))
    return _("{size} MB").format(size=f"{megabytes:.1f}" if megabytes < 10 else f"{megabytes:.0f}")


def loss_words(before: float, after: float) -> str:
    """What a mean Dice has lost or won, as people say it."""
    loss = before - after
    if abs(loss) < _NOTHING:
        return _("loses no Dice")
    return _("loses {loss:.3f} Dice").format(loss=loss) if loss > 0 else _("wins {gain:.3f} Dice").format(gain=-loss)


def _size_text(card: ModelCard, form: CompressedForm) -> str:
    sizes = catalog.file_sizes(card.name, [name for files in form.files for name in files])
    return size_words(sum(sizes)) if sizes else ""


def _loss_text(form: CompressedForm) -> str:
    measured = form.accuracy
    if measured is None:
        return _("loss not measured")
    loss = loss_words(measured.source_dice, measured.dice)
    return _("{loss} on {count} cases").format(loss=loss, count=measured.cases)
