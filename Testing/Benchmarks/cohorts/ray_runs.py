"""Two actors of one thread each over one process of one thread, on the same machine; the start is said apart."""

from .turns import batch, in_turns, linked, told


def measure(name, files, model, work, rounds):
    """Rows; ``speedup`` compares the pace once both are at work, ``first`` is when the first result was there."""
    images = linked(files, work / "in" / f"ray-{name}")

    def alone(folder):
        return told(batch(images, folder, model, "--no-preview", "--device", "cpu", threads=1))

    def two(folder):
        ray = ("--ray", "local", "--ray-actors", "2")
        return told(batch(images, folder, model, "--no-preview", "--device", "cpu", *ray, threads=1))

    rows = in_turns(f"{len(files)} {name}, Ray", {"one process": alone, "two actors": two}, len(files), work, rounds)
    one, both = rows
    speedup = one.figures["pace"] / both.figures["pace"]
    figures = {**both.figures, "speedup": speedup, "of linear": speedup / 2}
    note = f"pace {speedup:.2f}x of one process ({speedup / 2:.2f} of linear); {both.note}"
    return [one, type(both)(both.section, both.candidate, both.cases, both.seconds, note, figures)]
