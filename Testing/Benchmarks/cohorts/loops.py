"""``batch`` over a loop of ``segment``: one process a case, as people do it in a shell."""

from .turns import batch, in_turns, linked, told, unetsegment


def measure(name, files, model, work, rounds, threads):
    """Rows for a cohort: the loop, ``batch`` without pictures (what the loop writes), and ``batch`` as it is."""
    images = linked(files, work / "in" / name)

    def loop(folder):
        for image in sorted(images.iterdir()):
            output = folder / f"{image.name.partition('.')[0]}.seg.nrrd"
            unetsegment("segment", image, output, "-m", model, threads=threads)

    def without_pictures(folder):
        return told(batch(images, folder, model, "--no-preview", threads=threads))

    def as_it_is(folder):
        return told(batch(images, folder, model, threads=threads))

    candidates = {"segment, in a loop": loop, "batch, no pictures": without_pictures, "batch": as_it_is}
    return in_turns(f"{len(files)} {name}", candidates, len(files), work, rounds)
