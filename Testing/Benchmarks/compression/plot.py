"""Dice over time: what each package and way of running it costs and gives."""

import math

from .runtimes import INT8, SOURCE

MARKS = {SOURCE: "o", "OpenVINO f32": "s", INT8: "D", "torch bf16": "^", "ONNX Runtime f32": "v", "torch compile": "P"}


def draw(rows, path, title):
    """Writes a PNG: a colour for each package, a mark for each way, and the front that nothing beats."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    known = [row for row in rows if not math.isnan(row.mean_dice)]
    names = list(dict.fromkeys(row.package for row in known))
    colours = dict(zip(names, pyplot.cm.tab10.colors, strict=False))
    figure, axes = pyplot.subplots(figsize=(7.5, 4.8), layout="constrained")
    for row in known:
        mark = MARKS.get(row.runtime, "x")
        axes.plot(row.ms_per_tile, row.mean_dice, mark, color=colours[row.package], markersize=8)
    front = _front(known)
    axes.plot([r.ms_per_tile for r in front], [r.mean_dice for r in front], "-", color="0.6", zorder=0, linewidth=1)
    axes.set(xscale="log", xlabel="ms per tile (log)", ylabel="mean Dice, held-out cases", title=title)
    axes.grid(alpha=0.3, which="both")
    handles = [pyplot.Line2D([], [], color=colours[name], marker="o", linestyle="", label=name) for name in names]
    ways = list(dict.fromkeys(row.runtime for row in known))
    handles += [pyplot.Line2D([], [], color="0.3", marker=MARKS.get(w, "x"), linestyle="", label=w) for w in ways]
    axes.legend(handles=handles, fontsize=8, loc="lower right")
    figure.savefig(path, dpi=110)


def _front(rows):
    """Those that no other one beats in both, the quickest first."""
    front, best = [], -math.inf
    for row in sorted(rows, key=lambda row: (row.ms_per_tile, -row.mean_dice)):
        if row.mean_dice > best:
            front.append(row)
            best = row.mean_dice
    return front
