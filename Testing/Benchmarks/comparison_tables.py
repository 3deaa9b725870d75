"""The results of the side-by-side trainings as Markdown and as a plot."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import mean, median, stdev

# Published on DRIVE's own test half, not on these splits: a measure of what to expect, not a rival.
ANCHORS = {"drive": "Published on DRIVE's test half: U-Net F1 0.8142, AUC 0.9755; best listed F1 0.8291, AUC 0.9876."}
# Whom the others are compared with, fold by fold and seed by seed.
REFERENCES = {"networks": "unet", "losses": "Dice + CE", "augmentations": "none"}


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


def over_folds(rows, get):
    """Seeds are averaged within each fold; then mean and standard deviation over the folds."""
    folds = defaultdict(list)
    for row in rows:
        if get(row) is not None:
            folds[row["fold"]].append(get(row))
    means = [mean(values) for values in folds.values()]
    return _mean_and_deviation(means)


def against(rows, reference, get):
    """Differences between trainings with the same fold and seed: mean, standard deviation, and how many. Hard and easy
    folds drop out of it, which they do not out of :func:`over_folds`."""
    theirs = {(row["fold"], row["seed"]): get(row) for row in reference}
    pairs = [(get(row), theirs.get((row["fold"], row["seed"]))) for row in rows]
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    found = _mean_and_deviation(differences)
    return None if found is None else (*found, len(differences))


def between_seeds(rows, get):
    """The greatest and the median difference between two trainings that differ by their seed alone."""
    same = defaultdict(list)
    for row in rows:
        if get(row) is not None:
            same[row["name"], row["fold"]].append(get(row))
    differences = [abs(a - b) for values in same.values() for a, b in pairwise(values)]
    return (max(differences), median(differences)) if differences else None


def score_of(rows):
    """The score that a task is judged by: its name, and what reads it from a row."""
    if any(row["pixels"] for row in rows):
        return "F1", _pixel("f1")
    return "Dice", lambda row: row["dice"]


def markdown(rows, what):
    """A table for each task."""
    lines = []
    for task, budget in parts(rows, what):
        found = group(rows, what, task, budget)
        every = [row for own in found.values() for row in own]
        name, get = score_of(every)
        heading = ("Candidate", f"{name} against {REFERENCES[what]}", "Dice", "F1", "AUC", "HD95", "Parameters (M)")
        heading += ("kFLOP/voxel", "Training (s)", "Inference (s)")
        lines += [f"### {what.capitalize()} on {task}", "", _about(every, budget, name, get), ""]
        lines += ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
        wanted = {(row["fold"], row["seed"]) for row in every}
        reference = found.get(REFERENCES[what], [])
        for candidate, own in found.items():
            missing = len(wanted) - len(own)
            cells = [
                candidate + (f" ({missing} trainings missing)" if missing else ""),
                "-" if own is reference else _difference(against(own, reference, get)),
                *_scores(own),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", ANCHORS[task], ""] if task in ANCHORS else [""]
    return "\n".join(lines)


def plot(rows, what, path: Path):
    """One panel for each task: differences to the reference over arithmetic (networks), or a line a candidate."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A candidate alone cannot be compared.
    tables = [part for part in parts(rows, what) if len(group(rows, what, *part)) > 1]
    across = min(len(tables), 2) or 1
    down = -(-len(tables) // across) or 1
    size = (5.2 * across + (what != "networks") * 1.2, 4.6 * down)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    draw = _over_arithmetic if what == "networks" else _line_by_line
    axes = figure.subplots(down, across, squeeze=False).flatten()
    for spare in axes[len(tables) :]:
        spare.set_visible(False)
    for axis, (task, budget) in zip(axes, tables, strict=False):
        found = group(rows, what, task, budget)
        unit, get = score_of([row for own in found.values() for row in own])
        reference = found.get(REFERENCES[what], [])
        scores = {name: against(own, reference, get) for name, own in found.items()}
        flops = {name: own[0]["flops_per_voxel"] / 1e3 for name, own in found.items()}
        level = over_folds(reference, get)
        axis.set_title(f"{task}, {budget}" + (f" ({REFERENCES[what]}: {unit} {level[0]:.3f})" if level else ""))
        draw(
            axis, {name: score for name, score in scores.items() if score}, flops, f"{unit} against {REFERENCES[what]}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _about(rows, budget, name, get):
    folds, devices = {row["fold"] for row in rows}, {row["device"] for row in rows}
    cells = len({(row["fold"], row["seed"]) for row in rows})
    words = f"{len(folds)} fold(s), {cells} training(s) of each, {budget}, on {' / '.join(sorted(devices))}."
    if len(folds) > 1:
        words += " Mean ± standard deviation over folds."
    words += (
        f" The second column compares trainings of the same fold and seed{'.' if cells == 1 else ' (± over them).'}"
    )
    seeds = between_seeds(rows, get)
    if seeds:
        words += f" Another seed alone changes {name} by {seeds[1]:.3f} on the median, by {seeds[0]:.3f} at most."
    return f"{words} Times are medians in seconds{' of a core' if devices == {'cpu'} else ''}."


def _scores(rows):
    return (
        _shown(over_folds(rows, lambda r: r["dice"]), 4),
        _shown(over_folds(rows, _pixel("f1")), 4),
        _shown(over_folds(rows, _pixel("auc")), 4),
        _shown(over_folds(rows, lambda r: r["hd95"]), 2),
        f"{rows[0]['parameters'] / 1e6:.2f}",
        f"{rows[0]['flops_per_voxel'] / 1e3:.1f}",
        _time(rows, "training_seconds", 0),
        _time(rows, "inference_seconds", 2),
    )


def _pixel(name):
    return lambda row: (row["pixels"] or {}).get(name)


def _mean_and_deviation(values):
    if not values:
        return None
    return mean(values), stdev(values) if len(values) > 1 else 0.0


def _shown(value, digits):
    if value is None:
        return "-"
    return f"{value[0]:.{digits}f} ± {value[1]:.{digits}f}" if value[1] else f"{value[0]:.{digits}f}"


def _difference(value):
    if value is None:
        return "-"
    return f"{value[0]:+.4f}" + (f" ± {value[1]:.4f}" if value[2] > 1 else "")


def _time(rows, name, digits):
    """The median: times are disturbed by whatever else runs."""
    known = [row[name] for row in rows if row[name] is not None]
    return f"{median(known):.{digits}f}" if known else "-"


def _over_arithmetic(axis, scores, flops, unit):
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.axhline(0.0, color="0.7", linewidth=1, zorder=0)
    # By height, names on alternate sides: networks of like cost would write over each other.
    ranks = {name: rank for rank, name in enumerate(sorted(scores, key=lambda name: scores[name][0]))}
    for name, (difference, deviation, _) in scores.items():
        color = axis.errorbar(flops[name], difference, yerr=deviation, fmt="o", capsize=3)[0].get_color()
        place, side = ((6, 3), "left") if ranks[name] % 2 else ((-6, 3), "right")
        axis.annotate(
            name, (flops[name], difference), place, textcoords="offset points", fontsize=8, ha=side, color=color
        )
    axis.set(xlabel="kFLOP per voxel", ylabel=unit, xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.margins(x=0.25)


def _line_by_line(axis, scores, flops, unit):
    from matplotlib.ticker import MaxNLocator

    axis.axvline(0.0, color="0.7", linewidth=1, zorder=0)
    for number, (difference, deviation, _) in enumerate(scores.values()):
        axis.errorbar(difference, number, xerr=deviation, fmt="o", capsize=3)
    axis.set_yticks(range(len(scores)), scores)
    axis.invert_yaxis()
    axis.xaxis.set_major_locator(MaxNLocator(6))
    axis.grid(axis="x", alpha=0.3)
    axis.set_xlabel(unit)
