"""Letters for pictures: Pillow's own typeface, and for what it lacks one of the system's."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

from ...text import shown
from ..optional import needs

# Pillow's typeface holds ASCII alone; these are found by name where a system has them.
_SYSTEM = (
    "DejaVuSans.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "msgothic.ttc",
    "wqy-microhei.ttc",
)
# No picture is so wide.
_LONGEST = 400
_MISSING = "\uffff"


def typeset(text: str, size: int) -> tuple[str, Any]:
    """The text, in one line and without what cannot be seen, and a font of ``size`` pixels that can show it.

    Where no font at hand has all of its letters, accents are taken off and other letters become question marks.

    Raises:
        DependencyError: Pillow is not installed.
    """
    with needs("Pillow", "A preview picture"):
        import PIL.ImageFont  # noqa: F401
    text = shown(text, _LONGEST)
    if not text.isascii():
        for name in _SYSTEM:
            font = _system_font(name, size)
            if font is not None and all(_has(font, letter) for letter in set(text)):
                return text, font
        plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
        text = "".join(c for c in plain if not unicodedata.combining(c)).encode("ascii", "replace").decode()
    return text, _own_font(size)


@cache
def _own_font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def _system_font(name: str, size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has(font: Any, letter: str) -> bool:
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_MISSING))
