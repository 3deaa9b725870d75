"""What a run calls its own files in the folder of its results: no case may have such a name."""

from __future__ import annotations

import re
import unicodedata

CSV, PARQUET, PAGE = "cases.csv", "cases.parquet", "report.html"
AUDIT, IMAGES = "audit.jsonl", "images"

_NAMES = frozenset({CSV, PARQUET, PAGE, AUDIT, IMAGES})
_AUDIT_OF_A_PART = re.compile(r"audit-\d+-of-\d+\.jsonl")


def audit_name(part: int = 1, parts: int = 1) -> str:
    """The file of a part's audit lines."""
    return AUDIT if parts == 1 else f"audit-{part}-of-{parts}.jsonl"


def folded(name: str) -> str:
    """A name as file systems compare it that take upper and lower case for one."""
    return unicodedata.normalize("NFC", name).casefold()


def is_own_name(name: str) -> bool:
    """Whether a run has, or may have, a file or folder of its own under this name."""
    plain = folded(name)
    return plain in _NAMES or bool(_AUDIT_OF_A_PART.fullmatch(plain))
