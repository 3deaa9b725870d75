"""Dice before and after each prompt, a small panel for each kind of start."""

from .records import curve

TITLES = {
    "model": "from a model's answer",
    "nothing": "from nothing",
    "missed": "a missed part",
    "leak": "a leak",
    "shifted": "shifted by 2 voxels",
    "vessels": "a missed vessel, scribbles",
}


def draw(records, methods, path, half="report"):
    """Writes a PNG; the first method is ours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = [kind for kind in TITLES if records.steps(methods[0], kind, half)]
    rows = (len(kinds) + 2) // 3
    figure, axes = pyplot.subplots(rows, 3, figsize=(10, 3.1 * rows), squeeze=False, layout="constrained")
    for panel, kind in zip(axes.flat, kinds, strict=False):
        for number, method in enumerate(methods):
            played = list(records.steps(method, kind, half).values())
            if played:
                values = curve(played)
                style = {"linewidth": 2.4, "color": "black", "zorder": 3} if number == 0 else {"linewidth": 1.2}
                panel.plot(range(len(values)), values, marker="o", markersize=3, label=method, **style)
        panel.set_title(f"{TITLES[kind]} ({len(records.steps(methods[0], kind, half))})", fontsize=10)
        panel.set_ylim(0, 1) if kind == "nothing" else panel.set_ylim(0.5, 1)
        panel.grid(alpha=0.3)
    for panel in axes[-1]:
        panel.set_xlabel("prompts")
    for line in axes[:, 0]:
        line.set_ylabel("Dice")
    for panel in axes.flat[len(kinds) :]:
        panel.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)
