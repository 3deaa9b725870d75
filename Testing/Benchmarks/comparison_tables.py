"""The results of the side-by-side trainings as Markdown and as a plot."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import mean, median, stdev

# Published on DRIVE's own test half, not on these splits: a measure of what to expect, not a rival.
ANCHORS = {"drive": "Published on DRIVE's test half: U-Net F1 0.8142, AUC 0.9755; best listed F1 0.8291, AUC 0.9876."}

_HEADING = ("Candidate", "Dice", "F1", "AUC", "HD95", "Parameters (M)", "kFLOP/voxel", "Training (s)", "Inference (s)")


def parts(rows, what):
    """Task and budget of every table, in order of appearance: what had more time stands in a table of its own."""
    return list(dict.fromkeys((row["task"], row["budget"]) for row in rows if row["what"] == what))


def group(rows, what, task, budget):
    """Rows of each candidate, in order of appearance."""
    found = defaultdict(list)
    for row in rows:
        if (row["what"], row["task"], row["budget"]) == (what, task, budget):
            found[row["name"]].append(row)
    return found


def spread(rows, get, over="seeds"):
    """Mean over folds for each seed; then mean and standard deviation over seeds (over folds with a single seed). Over
    ``cells``: the median of all, without a deviation, for times, which other programs disturb."""
    if over == "cells":
        values = [get(row) for row in rows if get(row) is not None]
        return (median(values), 0.0) if values else None
    seeds = defaultdict(list)
    for row in rows:
        value = get(row)
        if value is not None:
            seeds[row["seed"]].append(value)
    if not seeds:
        return None
    means = [mean(values) for values in seeds.values()]
    single = next(iter(seeds.values())) if len(seeds) == 1 else means
    return mean(means), stdev(single) if len(single) > 1 else 0.0


def _pixel(name):
    return lambda row: (row["pixels"] or {}).get(name)


def _shown(value, digits):
    if value is None:
        return "-"
    return f"{value[0]:.{digits}f} ± {value[1]:.{digits}f}" if value[1] else f"{value[0]:.{digits}f}"


def markdown(rows, what):
    """A table for each task."""
    lines = []
    for task, budget in parts(rows, what):
        found = group(rows, what, task, budget)
        every = [row for own in found.values() for row in own]
        folds, seeds = {row["fold"] for row in every}, {row["seed"] for row in every}
        devices = {row["device"] for row in every}
        lines += [
            f"### {what.capitalize()} on {task}",
            "",
            f"{len(folds)} fold(s), {len(seeds)} seed(s), {budget} each, on {' / '.join(sorted(devices))}. Mean ± "
            "standard deviation over seeds (over folds with one seed). Times are medians"
            + (" in seconds of a core." if devices == {"cpu"} else " in seconds."),
            "",
            "| " + " | ".join(_HEADING) + " |",
            "|" + "---|" * len(_HEADING),
        ]
        for name, own in found.items():
            missing = len(folds) * len(seeds) - len(own)
            cells = [
                name + (f" ({missing} cells missing)" if missing else ""),
                _shown(spread(own, lambda r: r["dice"]), 4),
                _shown(spread(own, _pixel("f1")), 4),
                _shown(spread(own, _pixel("auc")), 4),
                _shown(spread(own, lambda r: r["hd95"]), 2),
                f"{own[0]['parameters'] / 1e6:.2f}",
                f"{own[0]['flops_per_voxel'] / 1e3:.1f}",
                _shown(spread(own, lambda r: r["training_seconds"], over="cells"), 0),
                _shown(spread(own, lambda r: r["inference_seconds"], over="cells"), 2),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", ANCHORS[task], ""] if task in ANCHORS else [""]
    return "\n".join(lines)


def plot(rows, what, path: Path):
    """One panel for each task: the score with its spread over arithmetic (networks), or one line for each candidate."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tables = parts(rows, what)
    figure = Figure(figsize=(5.2 * len(tables) + (what != "networks") * 1.2, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    draw = _over_arithmetic if what == "networks" else _line_by_line
    for axis, (task, budget) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables, strict=True):
        found = group(rows, what, task, budget)
        f1 = any(row["pixels"] for own in found.values() for row in own)
        scores = {name: spread(own, _pixel("f1") if f1 else lambda r: r["dice"]) for name, own in found.items()}
        flops = {name: own[0]["flops_per_voxel"] / 1e3 for name, own in found.items()}
        axis.set_title(f"{task}, {budget}")
        draw(axis, {name: score for name, score in scores.items() if score}, flops, "F1" if f1 else "mean Dice")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _over_arithmetic(axis, scores, flops, unit):
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for name, (mean_score, deviation) in scores.items():
        axis.errorbar(flops[name], mean_score, yerr=deviation, fmt="o", capsize=3)
        axis.annotate(name, (flops[name], mean_score), xytext=(5, 4), textcoords="offset points", fontsize=8)
    axis.set(xlabel="kFLOP per voxel", ylabel=unit, xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.margins(x=0.25)


def _line_by_line(axis, scores, flops, unit):
    for number, (mean_score, deviation) in enumerate(scores.values()):
        axis.errorbar(mean_score, number, xerr=deviation, fmt="o", capsize=3)
    axis.set_yticks(range(len(scores)), scores)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.set_xlabel(unit)
