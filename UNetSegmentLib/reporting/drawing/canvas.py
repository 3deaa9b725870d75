"""Drawing of a preview with Pillow: text, panels, scale bars, the legend."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from ...text import shown
from ...version import __version__
from ..optional import needs
from .typeface import typeset

Color = tuple[int, int, int]

BACKGROUND: Color = (13, 15, 19)
PANEL: Color = (5, 6, 8)
FRAME: Color = (44, 49, 58)
TEXT: Color = (236, 239, 244)
MUTED: Color = (150, 158, 171)
# How much of the picture's brightness stays behind text.
_PLATE = 0.35


@dataclass(frozen=True)
class LegendEntry:
    """One line of the legend."""

    name: str
    color: Color
    size: str


class Canvas:
    """A picture that grows by drawing on it, dark where nothing else is asked for. Positions are pixels from the upper
    left corner.

    Raises:
        DependencyError: Pillow is not installed.
    """

    def __init__(self, width: int, height: int, background: Color = BACKGROUND) -> None:
        with needs("Pillow", "A preview picture"):
            from PIL import Image, ImageDraw
        self.image = Image.new("RGB", (width, height), background)
        self._draw = ImageDraw.Draw(self.image)
        self._from_array = Image.fromarray

    def text(
        self, x: float, y: float, text: str, size: int, color: Color = TEXT, anchor: str = "ls", plate: bool = False
    ) -> None:
        """One line; ``anchor`` as in Pillow (first letter: l, m, r; second: s baseline, m middle, a top).

        With a ``plate`` the picture behind is darkened, so that the text can be read on a bright image.
        """
        line, font = typeset(text, size)
        if plate:
            left, top, right, bottom = self._draw.textbbox((x, y), line, font=font, anchor=anchor)
            self._darken(left - 7, top - 6, right + 7, bottom + 6)
        self._draw.text((x, y), line, fill=color, font=font, anchor=anchor)

    def width(self, text: str, size: int) -> float:
        line, font = typeset(text, size)
        return float(self._draw.textlength(line, font=font))

    def fitted(self, text: str, size: int, width: float) -> str:
        """The text, cut with an ellipsis where it is wider than ``width``."""
        text = shown(text)
        if self.width(text, size) <= width:
            return text
        fits = bisect_right(range(len(text)), width, key=lambda length: self.width(text[:length] + "...", size))
        return text[: max(fits - 1, 0)].rstrip() + "..."

    def wrapped(self, text: str, size: int, width: float, most: int) -> list[str]:
        """The text in lines of at most ``width``, broken at spaces; the last of ``most`` lines ends in an ellipsis
        where more follows."""
        words, lines = shown(text, None).split(" "), [""]
        for number, word in enumerate(words):
            longer = f"{lines[-1]} {word}".strip()
            if self.width(longer, size) <= width or not lines[-1]:
                lines[-1] = longer
            elif len(lines) < most:
                lines.append(word)
            else:
                lines[-1] = f"{lines[-1]} {' '.join(words[number:])}"
                break
        return [self.fitted(line, size, width) for line in lines]

    def _darken(self, left: float, top: float, right: float, bottom: float) -> None:
        box = (round(left), round(top), round(right), round(bottom))
        self.image.paste(self.image.crop(box).point(lambda level: level * _PLATE), box)

    def panel(self, x: int, y: int, picture: np.ndarray) -> None:
        """A picture, uint8 (rows, columns, 3), in a thin frame."""
        rows, columns = picture.shape[:2]
        self.image.paste(self._from_array(np.ascontiguousarray(picture)), (x, y))
        self._draw.rectangle((x - 1, y - 1, x + columns, y + rows), outline=FRAME)

    def line(self, x0: float, y0: float, x1: float, y1: float, color: Color = TEXT, width: int = 2) -> None:
        self._draw.line((x0, y0, x1, y1), fill=color, width=width)

    def box(self, x: float, y: float, width: float, height: float, color: Color, radius: int = 0) -> None:
        self._draw.rounded_rectangle((x, y, x + width - 1, y + height - 1), radius, fill=color)

    def letters(self, x: int, y: int, side: int, letters: tuple[str, str, str, str]) -> None:
        """The patient's sides at the left, right, top and bottom edge of a square panel."""
        inset, middle = 28, side / 2
        places = ((inset, middle), (side - inset, middle), (middle, inset), (middle, side - inset))
        for letter, (dx, dy) in zip(letters, places, strict=True):
            self.text(x + dx, y + dy, letter, 24, TEXT, "mm", plate=True)

    def scale_bar(self, x: int, y: int, side: int, field_mm: float, unit: str) -> None:
        """A bar of a round length in the lower right corner of a square panel that is ``field_mm`` wide."""
        length = round_length(field_mm * 0.26)
        pixels = length / field_mm * side
        right, bottom = x + side - 20, y + side - 20
        self._darken(right - pixels - 7, bottom - 34, right + 7, bottom + 8)
        self.box(right - pixels, bottom - 3, pixels, 4, TEXT)
        self.text(right - pixels / 2, bottom - 12, f"{length:g} {unit}", 18, TEXT, "ms")

    def foot(self, edge: int, y: int, size: int, sides: bool) -> None:
        """What stands below every picture.

        Args:
            edge: pixels left and right of it.
            sides: whether the patient's left and right are seen.
        """
        if sides:
            self.text(edge, y, "Radiological view: the patient's right is on the left.", size, MUTED)
        note = f"UNetSegment {__version__}. For research, not for diagnosis."
        self.text(self.image.width - edge, y, note, size, MUTED, "rs")

    def legend(self, x: int, y: int, width: int, height: int, entries: list[LegendEntry]) -> None:
        """Colour, name and size of each segment; those that do not fit are counted."""
        step = min(58, max(34, height // max(len(entries), 1)))
        size = 22 if step >= 46 else 18
        room = max(height // step, 1)
        listed = entries if len(entries) <= room else entries[: room - 1]
        room_for_names = width - 34 - 18 - max((self.width(entry.size, size) for entry in listed), default=0.0)
        fits = all(self.width(entry.name, size) <= room_for_names for entry in listed)
        for n, entry in enumerate(listed):
            middle = y + n * step + step / 2
            self.box(x, middle - 10, 20, 20, entry.color, 5)
            name_size = size if fits else size - 3
            self.text(x + 34, middle, self.fitted(entry.name, name_size, room_for_names), name_size, TEXT, "lm")
            self.text(x + width, middle, entry.size, size, MUTED, "rm")
        if len(listed) < len(entries):
            middle = y + len(listed) * step + step / 2
            self.text(x + 34, middle, f"and {len(entries) - len(listed)} more", size, MUTED, "lm")


def round_length(most: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is at most ``most``."""
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most * (1 + 1e-9))
