"""Whether a server's answers fit what was asked for: a key that it does not know it passes over without a word."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .json_model import values_in

_NUMBERS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
_LONGEST = 1024  # of what is compared: patterns take their time
_TEXTS = frozenset({"AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


class Matching:
    """Looks answers through, and keeps in mind which keys a server did not heed or does not tell.

    Args:
        host: of the server, for the notes.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._passed_over: Counter[str] = Counter()
        self._untold: dict[str, None] = {}

    def fits(self, item: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
        """Whether an answer fits all keys, as far as it tells."""
        verdicts = {key: _fits(item, key, value) for key, value in asked.items()}
        wrong = [key for key, fits in verdicts.items() if fits is False]
        self._passed_over.update(wrong)
        self._untold.update((key, None) for key, fits in verdicts.items() if fits is None)
        return not wrong

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on it; they name keys and no values, which may be names of patients."""
        left = [
            f"{self._host} passed over {key} of the query; what does not fit was left out ({count})."
            for key, count in self._passed_over.items()
        ]
        untold = [
            f"{self._host} does not say {key} in its answers, so it could not be checked that all fit the query: there "
            "may be more than was asked for."
            for key in self._untold
        ]
        return (*left, *untold)


def _fits(item: Mapping[str, Any], key: str, asked: str) -> bool | None:
    """None where it cannot be told."""
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    tag = tag_for_keyword(key)
    if tag is None or f"{tag:08X}" not in item:
        return None
    if not asked.strip("* "):  # universal matching, PS3.4, C.2.2.2.3: anything fits, nothing too
        return True
    vr = dictionary_VR(tag)
    wanted = re.split(r"[\\,]" if vr == "UI" else r"\\", asked)
    values = [text for value in values_in(item, key) for text in _texts(value)]
    if vr in ("DA", "TM"):
        return any(_within(value, one) for value in values for one in wanted)
    if vr in _NUMBERS:
        return any(_number(value) == _number(one) for value in values for one in wanted)
    if vr == "UI":
        return any(value == one.strip() for value in values for one in wanted)
    if vr not in _TEXTS:
        return None
    patterns = [_pattern(one, vr == "PN") for one in wanted]
    return any(pattern.fullmatch(_name(value) if vr == "PN" else value) for value in values for pattern in patterns)


def _texts(value: Any) -> list[str]:
    """A value as text; a name in each of its writings."""
    texts = [text for text in value.values() if isinstance(text, str)] if isinstance(value, dict) else [str(value)]
    return [unicodedata.normalize("NFC", text[:_LONGEST]).strip() for text in texts]


def _pattern(asked: str, name: bool) -> re.Pattern[str]:
    asked = unicodedata.normalize("NFC", asked).strip()
    words = re.escape(_name(asked) if name else asked).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(words, re.DOTALL)


def _name(text: str) -> str:
    """Names are compared without regard to capitals; empty parts at the end say nothing."""
    return unicodedata.normalize("NFC", text).casefold().rstrip("^= ")


def _within(value: str, asked: str) -> bool:
    """Whether a date or time lies in a range, either end of which may be open, or begins as a single one is written."""
    value, asked = (re.sub(r"[:\s]", "", text) for text in (value, asked))
    first, dash, last = asked.partition("-")
    last = last if dash else first
    return bool(value) and value >= first and (not last or value[: len(last)] <= last)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()
