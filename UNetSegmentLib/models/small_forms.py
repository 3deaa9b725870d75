"""What a card's smaller forms, training fingerprint and derivation must satisfy, and reading a form's files."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace

from ..errors import ModelError
from .card import CompressedForm, ModelCard, TrainingFingerprint
from .files import CARD, PackageFiles, read_file
from .typed_json import require

# Beyond these a card is damaged or hostile.
MAX_FORMS = 16
MAX_FORM_FILES = 8
MAX_DERIVED = 64
MAX_FORM_BYTES = 2 * 1024**3
_LARGEST_ML, _LARGEST_MM = 1e6, 1e4

_KIND = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_forms(card: ModelCard, packaged: bool) -> None:
    """Checks ``card.forms``.

    Args:
        packaged: the card describes files that exist, so each file needs a digest.

    Raises:
        ModelError: naming the field, what was found, and what is expected.
    """
    require(len(card.forms) <= MAX_FORMS, "forms", f"a list of {len(card.forms)}", f"{MAX_FORMS} at most")
    kinds = [form.kind for form in card.forms]
    names = Counter(name.lower() for name in (CARD, *card.weights))
    names.update(name.lower() for name in form_file_names(card))
    for n, form in enumerate(card.forms):
        where = f"forms[{n}]"
        require(_KIND.fullmatch(form.kind), f"{where}.kind", form.kind, "small letters, digits and '-'")
        require(kinds.count(form.kind) == 1, f"{where}.kind", form.kind, "a kind that no other form has")
        require(form.made_with.strip(), f"{where}.made_with", form.made_with, "some text")
        found, folds = len(form.files), len(card.weights)
        require(found == folds, f"{where}.files", f"a list of {found}", f"{folds}, one per weights file")
        _check_form_files(form, where, names, card.digests if packaged else None)
        _check_form_accuracy(form, f"{where}.accuracy")


def check_fingerprint(card: ModelCard) -> None:
    """Checks ``card.fingerprint``; raises as :func:`check_forms` does."""
    known = card.fingerprint
    if known is None:
        return
    require(known.cases >= 1, "fingerprint.cases", known.cases, "1 or more")
    found, images = len(known.channels), len(card.inputs)
    require(found in (0, images), "fingerprint.channels", f"a list of {found}", f"{images}, one per input channel")
    for n, channel in enumerate(known.channels):
        where = f"fingerprint.channels[{n}]"
        inside = (channel.percentile_00_5, channel.median, channel.percentile_99_5)
        require(inside == tuple(sorted(inside)), where, inside, "percentiles that do not fall")
        lowest, highest = channel.lowest_median, channel.highest_median
        fits = lowest is None or highest is None or lowest <= highest
        require(fits, f"{where}.highest_median", highest, "no less than lowest_median")
    _check_structures(known, {label.value for label in card.labels})


def check_derived(card: ModelCard) -> None:
    """Checks ``card.derived``; raises as :func:`check_forms` does."""
    require(len(card.derived) <= MAX_DERIVED, "derived", f"a list of {len(card.derived)}", f"{MAX_DERIVED} at most")
    for n, step in enumerate(card.derived):
        where = f"derived[{n}]"
        require(_KIND.fullmatch(step.kind), f"{where}.kind", step.kind, "small letters, digits and '-'")
        require(step.source.strip(), f"{where}.source", step.source, "the name of a model")
        for digest in step.digests:
            require(_DIGEST.fullmatch(digest), f"{where}.digests", digest, "64 hexadecimal digits in lower case")


def form_file_names(card: ModelCard) -> list[str]:
    """The names of all files of all forms, in the card's order."""
    return [name for form in card.forms for files in form.files for name in files]


def form_of(card: ModelCard, kind: str) -> CompressedForm | None:
    """The card's form of that kind."""
    return next((form for form in card.forms if form.kind == kind), None)


def without_forms(card: ModelCard) -> ModelCard:
    """The card for other weights: its smaller forms are not theirs."""
    return replace(card, forms=())


def form_of_fold(form: CompressedForm, fold: int) -> CompressedForm:
    """The form of one network of an ensemble. What it costs was measured with all, so nothing is said of it."""
    return form if len(form.files) == 1 else replace(form, files=(form.files[fold],), accuracy=None)


def read_form_file(card: ModelCard, files: PackageFiles, name: str) -> bytes:
    """One file of a form, compared with its digest as it is read.

    Raises:
        ModelError: it is missing, damaged, altered, or of more than ``MAX_FORM_BYTES``.
    """
    content = read_file(files, name, MAX_FORM_BYTES)
    if hashlib.sha256(content).hexdigest() != card.digests.get(name):
        raise ModelError(
            f"The file {name} of the model '{card.name}' was altered or cut short: its SHA-256 digest differs from "
            "the one in the card.",
            "Copy or download the model again from a source that you trust.",
        )
    return content


def _check_form_files(form: CompressedForm, where: str, names: Counter[str], digests: dict[str, str] | None) -> None:
    for fold, files in enumerate(form.files):
        place = f"{where}.files[{fold}]"
        fits = 1 <= len(files) <= MAX_FORM_FILES
        require(fits, place, f"a list of {len(files)}", f"1 to {MAX_FORM_FILES} files")
        for name in files:
            require(_FILE.fullmatch(name), place, name, "the plain name of a file")
            require(names[name.lower()] == 1, place, name, "a file that is listed nowhere else")
            fits = digests is None or name in digests
            require(fits, "digests", sorted(digests or {}), f"a SHA-256 digest of {name}")


def _check_form_accuracy(form: CompressedForm, where: str) -> None:
    accuracy = form.accuracy
    if accuracy is None:
        return
    require(accuracy.cases >= 1, f"{where}.cases", accuracy.cases, "1 or more")
    for field in ("dice", "source_dice", "agreement"):
        value = getattr(accuracy, field)
        require(0 <= value <= 1, f"{where}.{field}", value, "a share from 0 to 1")
    require(-1 <= accuracy.worst_loss <= 1, f"{where}.worst_loss", accuracy.worst_loss, "a number from -1 to 1")


def _check_structures(known: TrainingFingerprint, labels: set[int]) -> None:
    values = [structure.value for structure in known.structures]
    for n, structure in enumerate(known.structures):
        where = f"fingerprint.structures[{n}]"
        fits = structure.value in labels and values.count(structure.value) == 1
        require(fits, f"{where}.value", structure.value, f"a label value out of {sorted(labels)}, each once")
        volume, width = structure.volume_ml, structure.width_mm
        require(0 < volume <= _LARGEST_ML, f"{where}.volume_ml", volume, "a positive number of ml")
        require(0 < width <= _LARGEST_MM, f"{where}.width_mm", width, "a positive number of mm")
