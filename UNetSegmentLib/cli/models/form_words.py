"""A model's smaller forms, and what it was made of, as the tables of ``unetsegment models`` show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...models import CompressedForm, Derivation, ModelCard, TrainingFingerprint

HEADING = ("Form", "Size", "Measured on", "Cases", "Dice", "Dice of full weights", "Same labels", "Worst case loses")


def form_rows(shown: ModelCard, sizes: dict[str, int]) -> list[tuple[str, ...]]:
    """A row for each form under :data:`HEADING`; ``sizes`` are bytes of all files by the form's kind."""
    rows: list[tuple[str, ...]] = []
    for form in shown.forms:
        size, measured = f"{sizes[form.kind] / 1e6:.1f} MB" if form.kind in sizes else "", form.accuracy
        if measured is None:
            rows.append((form.kind, size, "not measured", *("",) * 5))
            continue
        shares = (f"{measured.dice:.4f}", f"{measured.source_dice:.4f}", f"{measured.agreement:.2%}")
        rows.append((form.kind, size, measured.data, str(measured.cases), *shares, f"{measured.worst_loss:.4f}"))
    return rows


def sizes_of(model: str | Path) -> dict[str, int]:
    """Bytes of each form's files in a package, by the form's kind."""
    from ...models.opening import open_package

    card, files = open_package(Path(model))
    names = {form.kind: [name for fold in form.files for name in fold] for form in card.forms}
    return {kind: sum(files.size(name) for name in own if files.has(name)) for kind, own in names.items()}


def in_short(forms: Sequence[CompressedForm]) -> str:
    """``int8-openvino (loses 0.001 Dice)``."""
    return "; ".join(f"{form.kind} ({_loss(form)})" for form in forms)


def derived_words(steps: Sequence[Derivation]) -> str:
    """``pruned from toy 1.0 (flops 0.5); distilled from ...``, in the order done."""
    words = []
    for step in steps:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in step.numbers.items())
        words.append(f"{step.kind} from {step.source} {step.version}".rstrip() + (f" ({numbers})" if numbers else ""))
    return "; ".join(words)


def fingerprint_words(known: TrainingFingerprint | None, names: dict[int, str]) -> str:
    """How large the structures of the training cases are."""
    if known is None or not known.structures:
        return ""
    sizes = [f"{names[s.value]} {s.volume_ml:.3g} ml, {s.width_mm:.3g} mm across" for s in known.structures[:8]]
    more = len(known.structures) - len(sizes)
    return f"median of {known.cases} cases: " + "; ".join(sizes) + (f"; and {more} more" if more else "")


def _loss(form: CompressedForm) -> str:
    if form.accuracy is None:
        return "not measured"
    loss = form.accuracy.source_dice - form.accuracy.dice
    return f"loses {loss:.3f} Dice" if loss >= 0 else f"gains {-loss:.3f} Dice"
