"""The curve of a training, drawn with Qt: the loss on the left axis, the Dice of held-out cases on the right one.

Slicer has no matplotlib, and its plot views would take the place of the user's images.
"""

import itertools
from collections.abc import Mapping, Sequence

import qt
from slicer.i18n import tr as _

HEIGHT = 190
_LEFT, _RIGHT, _TOP, _LINE = 40, 32, 8, 16
# Tones that can be told apart on Slicer's light style and on its dark one, also by the colour-blind.
_LOSS = "#8a8a8a"
_DICE = ("#2f86d6", "#e07b00", "#1f9e77", "#c2478f", "#8f7cd0", "#b8a000")
_PREFIX = "dice "

Rows = Sequence[Mapping[str, float]]


class CurveView(qt.QLabel):
    """Shows the lines of a training's log (``UNetSegmentLib.training.loop.runlog.read_log``)."""

    def __init__(self) -> None:
        super().__init__()
        self.objectName = "trainCurveView"
        self._rows: Rows = ()
        self._steps = 0
        self.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self.setFixedHeight(HEIGHT)

    def show_rows(self, rows: Rows, steps: int) -> None:
        """Draws the lines; ``steps`` is where the training will end."""
        self._rows, self._steps = rows, steps
        self.toolTip = _in_words(rows)
        self.redraw()

    def resizeEvent(self, event) -> None:  # noqa: N802
        """The picture is as wide as the panel."""
        self.redraw()

    def redraw(self) -> None:
        """Draws anew, in the colours of the style."""
        if self.width >= 120:
            self.setPixmap(draw(self._rows, self._steps, self.width, HEIGHT, self.palette))


def draw(rows: Rows, steps: int, width: int, height: int, palette):
    """The curve as a QPixmap."""
    pixmap = qt.QPixmap(width, height)
    pixmap.fill(palette.color(qt.QPalette.Base))
    painter = qt.QPainter()
    painter.begin(pixmap)
    try:
        font = qt.QFont(painter.font())
        font.setPointSize(8)
        painter.setFont(font)
        _Picture(painter, rows, max(steps, 1), width, height, palette).draw()
    finally:
        # A painter that is left open takes Qt down.
        painter.end()
    return pixmap


def dice_names(rows: Rows) -> list[str]:
    """The labels that have a Dice in the log, in its order."""
    return list(dict.fromkeys(key.removeprefix(_PREFIX) for row in rows for key in row if key.startswith(_PREFIX)))


def last_dice(rows: Rows) -> dict[str, float]:
    """Dice of each label at the last validation."""
    for row in reversed(rows):
        found = {key.removeprefix(_PREFIX): value for key, value in row.items() if key.startswith(_PREFIX)}
        if found:
            return found
    return {}


def _in_words(rows: Rows) -> str:
    if not rows:
        return ""
    dice = ", ".join(f"{name} {value:.3f}" for name, value in last_dice(rows).items())
    return _("Loss {loss:.3f} at step {step}. {dice}").format(
        loss=rows[-1]["loss"], step=round(rows[-1]["step"]), dice=_("Dice: {dice}").format(dice=dice) if dice else ""
    )


class _Picture:
    """One drawing: axes, lines, legend."""

    def __init__(self, painter, rows: Rows, steps: int, width: int, height: int, palette) -> None:
        self._painter, self._rows, self._steps = painter, rows, steps
        self._names = dice_names(rows)
        self._text = palette.color(qt.QPalette.Text)
        self._faint = palette.color(qt.QPalette.Disabled, qt.QPalette.Text)
        self._legend = _legend_lines(self._names, width)
        self._x0, self._x1 = _LEFT, width - _RIGHT
        self._y0, self._y1 = _TOP, height - _LINE * (1 + len(self._legend)) - 6
        losses = [row["loss"] for row in rows]
        self._low, self._high = _rounded_range(losses)

    def draw(self) -> None:
        self._draw_axes()
        self._painter.setRenderHint(qt.QPainter.Antialiasing, True)
        if not self._rows:
            self._write(self._x0 + 8, (self._y0 + self._y1) // 2, _("The curve begins with the first steps."))
            return
        self._line(_LOSS, [(row["step"], self._loss_y(row["loss"])) for row in self._rows], False)
        for name, color in zip(self._names, _colors(len(self._names)), strict=True):
            points = [(row["step"], self._dice_y(row[_PREFIX + name])) for row in self._rows if _PREFIX + name in row]
            self._line(color, points, True)
        self._draw_legend()

    def _draw_axes(self) -> None:
        for share in (0.0, 0.5, 1.0):
            y = round(self._y1 - share * (self._y1 - self._y0))
            self._painter.setPen(self._faint)
            self._painter.drawLine(self._x0, y, self._x1, y)
            self._painter.setPen(self._text)
            if self._rows:
                self._write(2, y + 4, f"{self._low + share * (self._high - self._low):.2f}")
            self._write(self._x1 + 5, y + 4, f"{share:g}")
        base = self._y1 + _LINE - 3
        self._write(self._x0, base, "0")
        steps = _("{count} steps").format(count=self._steps)
        self._write(self._x1 - 7 * len(steps), base, steps)

    def _draw_legend(self) -> None:
        colors = dict(zip(self._names, _colors(len(self._names)), strict=True))
        y = self._y1 + _LINE
        for line in self._legend:
            y += _LINE
            x = self._x0 - 30
            for name, span in line:
                self._painter.fillRect(x, y - 6, 12, 3, qt.QColor(colors.get(name, _LOSS)))
                self._painter.setPen(self._text)
                self._write(x + 16, y, _legend_text(name))
                x += span

    def _line(self, color: str, points: Sequence[tuple[float, int]], dots: bool) -> None:
        pen = qt.QPen(qt.QColor(color))
        pen.setWidth(2)
        self._painter.setPen(pen)
        places = [(self._step_x(step), y) for step, y in points]
        for (x0, y0), (x1, y1) in itertools.pairwise(places):
            self._painter.drawLine(x0, y0, x1, y1)
        if dots or len(places) == 1:
            for x, y in places:
                self._painter.fillRect(x - 2, y - 2, 5, 5, qt.QColor(color))

    def _write(self, x: int, y: int, text: str) -> None:
        self._painter.drawText(x, y, text)

    def _step_x(self, step: float) -> int:
        return round(self._x0 + min(step / self._steps, 1.0) * (self._x1 - self._x0))

    def _loss_y(self, loss: float) -> int:
        share = (loss - self._low) / (self._high - self._low)
        return round(self._y1 - min(max(share, 0.0), 1.0) * (self._y1 - self._y0))

    def _dice_y(self, dice: float) -> int:
        return round(self._y1 - min(max(dice, 0.0), 1.0) * (self._y1 - self._y0))


def _colors(count: int) -> list[str]:
    return [_DICE[number % len(_DICE)] for number in range(count)]


def _legend_text(name: str) -> str:
    """``name`` of a label, empty for the loss."""
    text = _("Dice {name}").format(name=name) if name else _("loss")
    return text if len(text) <= 28 else text[:27] + "…"


def _legend_lines(names: Sequence[str], width: int) -> list[list[tuple[str, int]]]:
    """What stands under the curve, in as many lines as the width asks for: name and width of each entry."""
    lines: list[list[tuple[str, int]]] = [[]]
    used = 0
    for name in ("", *names):
        span = 26 + 7 * len(_legend_text(name))
        if used and used + span > width - 12:
            lines.append([])
            used = 0
        lines[-1].append((name, span))
        used += span
    return lines[:3]


def _rounded_range(losses: Sequence[float]) -> tuple[float, float]:
    """The axis of the loss. It begins at zero where no loss is negative (a Dice loss is)."""
    if not losses:
        return 0.0, 1.0
    low, high = min(0.0, *losses), max(losses)
    return low, high if high > low else low + 1.0
