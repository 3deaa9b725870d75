"""The training curve as a picture."""

from __future__ import annotations

from pathlib import Path

from ...errors import DependencyError
from ...io.atomic import atomic_path
from ...text import shown
from .runlog import read_log


def write_curve(log: Path, path: Path, title: str) -> None:
    """Loss and held-out Dice over the steps, as PNG.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError(
            "The training curve needs matplotlib, which is not installed.", "Run: pip install matplotlib"
        ) from error
    rows = read_log(log)
    # A dollar sign in a name is no formula.
    with rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        left = figure.add_subplot()
        left.plot([r["step"] for r in rows], [r["loss"] for r in rows], color="#888888", linewidth=1.2, label="loss")
        left.set(xlabel="step", ylabel="training loss", title=shown(title, 80))
        names = [key for key in (rows[0] if rows else {}) if key.startswith("dice ")]
        names = names or sorted({key for row in rows for key in row if key.startswith("dice ")})
        if names:
            right = left.twinx()
            for name in names:
                points = [(r["step"], r[name]) for r in rows if name in r]
                right.plot(*zip(*points, strict=True), marker="o", markersize=3, label=shown(name, 60))
            right.set(ylabel="held-out Dice", ylim=(0.0, 1.0))
        # Under the axes, where it can cover no line.
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png")
