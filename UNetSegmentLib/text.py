"""Text that strangers wrote (names of labels, series, files, models) made fit to be shown, tabulated, used as a name.

Such text may hold what a terminal obeys, what turns the reading direction round, what a spreadsheet computes, or what
no file system takes. The three functions here are the only places that decide what becomes of it.
"""

from __future__ import annotations

import re
import unicodedata

# A name in a file may be longer than one on a screen.
LONGEST_NAME = 1000
_CUT = "..."
# Joiners belong to the spelling of Persian, Indian languages and emoji; every other format character is made visible.
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Variation selectors apart, marks pile up only to spoil the lines above and below.
_MARKS = 8

# A sign opens a formula in spreadsheets, at the start of a cell or behind a semicolon, which separates cells in many
# countries; full-width signs do in East Asian editions.
_FORMULA = re.compile(r"(^|;)(\s*)(?=[=+\-@＝＋－＠])")

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
_ALLOWED = "-_."


def shown(text: object, limit: int | None = 200, *, lines: bool = False) -> str:
    """Text for a terminal, a message, a log or a picture: nothing in it acts, nothing in it is invisible.

    Line breaks and tabs become a space; control, format and direction characters and half surrogates their escape
    (``\\x1b``, ``\\u202e``; a byte of a file name that is no UTF-8 becomes ``\\xff``).

    Args:
        text: anything; other things than texts as ``str`` writes them.
        limit: longest result; a longer one ends in "...". None for no limit.
        lines: keep line breaks, for texts that are our own and quote a stranger's.
    """
    whole = str(text)
    # What lies far behind the limit need not be looked at: a text may have a gigabyte.
    part = whole if limit is None else whole[: limit + 1]
    result = "".join(_visible(part, lines))
    if limit is not None and len(result) > limit:
        return result[: max(limit - len(_CUT), 0)].rstrip() + _CUT
    return result


def csv_cell(text: object) -> str:
    """A cell of a CSV table: one line, and no spreadsheet takes it for a formula (an apostrophe stands before it).

    Numbers stay as they are, negative ones too.
    """
    cell = shown(text, None)
    if _is_number(cell):
        return cell
    return _FORMULA.sub(lambda match: match[0] if _alone(cell, match.end()) else f"{match[0]}'", cell)


def file_name(text: object, limit: int = 100) -> str:
    """A name that every file system takes, without its ending; two texts may give the same name.

    Letters and digits of all languages, ``-``, ``_`` and ``.`` stay, everything else becomes ``-``; never empty, never
    hidden, never one that Windows keeps for its devices.

    Args:
        limit: longest result in bytes of UTF-8; file systems take 255 with all endings.
    """
    composed = unicodedata.normalize("NFC", str(text)[: 4 * limit])
    name = re.sub(r"-{2,}", "-", "".join(c if _kept(c) else "-" for c in composed))
    name = _within(name.strip("-. "), limit)
    if _RESERVED.match(name):
        name = _within(f"_{name}", limit)
    return name or "unnamed"


def _visible(text: str, lines: bool) -> list[str]:
    result, marks = [], 0
    for c in text:
        category = unicodedata.category(c)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if c == "\n" and lines:
            result.append(c)
        elif c in "\t\n\r\v\f\x85\u2028\u2029":
            result.append(" ")
        elif category in _HIDDEN and c not in _JOINERS:
            result.append(_escape(c))
        elif marks <= _MARKS:
            result.append(c)
    return result


def _escape(c: str) -> str:
    code = ord(c)
    # os.fsdecode keeps a byte that is no UTF-8 as such a surrogate.
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _alone(cell: str, at: int) -> bool:
    """Whether a sign stands alone in its cell, as the dash of a missing value does."""
    return not cell[at + 1 :].partition(";")[0].strip()


def _kept(c: str) -> bool:
    return c in _ALLOWED or unicodedata.category(c)[0] in "LMN"


def _within(name: str, limit: int) -> str:
    return name.encode("utf-8", "ignore")[:limit].decode("utf-8", "ignore").strip("-. ")


def plain_number(value: float) -> str:
    """A measurement for people: four digits that count, and no powers of ten before a thousand million."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
