"""Whether files that a user brought are the model that the catalogue means, as far as their own words tell.

A download comes from the catalogue's address, and a digest proves a file. A folder, or an archive whose digest nobody
has published, proves nothing: without this check any model of the right number of labels could get another one's name,
licence and citation.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from ...errors import ModelError
from ...text import shown
from ..card import ModelCard
from .entries import Entry, Part

# Names are written in many ways ("kidney_left", "Left kidney", "kidney_l"); another model has other words altogether.
_ALIKE = 0.6
_SHARE = 0.5


def check_resemblance(entry: Entry, part: Part, card: ModelCard, source: str) -> None:
    """Compares what a part's own files say with the catalogue.

    Args:
        entry, part: what it should be.
        card: as its files made it, before anything of the catalogue was put into it.
        source: what to call the files.

    Raises:
        ModelError: other label values, label names unlike the catalogue's, or another trainer.
    """
    table = dict(part.labels or entry.labels)
    own = {label.value: label.name for label in card.labels}
    if set(own) != set(table):
        raise _unlike(entry, source, f"it has the label values {_values(own)}, not {_values(table)}")
    unlike = [value for value, name in table.items() if not _alike(name, own[value])]
    if len(unlike) > _SHARE * len(table):
        value = unlike[0]
        raise _unlike(entry, source, f"its label {value} is '{shown(own[value], 60)}', not '{table[value]}'")
    if part.trainer and "Trainer" in card.source and part.trainer not in re.findall(r"\w+", card.source):
        raise _unlike(entry, source, f"it was not trained with {part.trainer}")


def _alike(one: str, other: str) -> bool:
    first, second = (re.findall(r"[a-z]+|\d+", name.casefold()) for name in (one, other))
    pairs = (("".join(first), "".join(second)), ("".join(sorted(first)), "".join(sorted(second))))
    return any(difflib.SequenceMatcher(None, a, b).ratio() >= _ALIKE for a, b in pairs)


def _values(table: Mapping[int, str]) -> str:
    values = sorted(table)
    return ", ".join(map(str, values[:8])) + (f" ... {values[-1]}" if len(values) > 8 else "")


def _unlike(entry: Entry, source: str, why: str) -> ModelError:
    return ModelError(
        f"'{shown(source)}' is not '{entry.title}' by its own words: {why}.",
        "Install without --file to download the right one; or import this one under its own name: unetsegment import.",
    )
