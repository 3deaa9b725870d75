"""Pictures of the panel as files, which every script of screenshots draws."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
# The narrowest that the panel has to be read at.
WIDTH = 360


def draw_alone(draw: Callable[..., None]) -> None:
    """The program of a script that draws one section: ``[FOLDER] [WIDTH]``. Never returns.

    Args:
        draw: takes the folder, the module's widget, its panel and the width.
    """
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots"
    width = int(sys.argv[2]) if len(sys.argv) > 2 else WIDTH
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    import SlicerHarness

    folder.mkdir(parents=True, exist_ok=True)
    SlicerHarness.boot()
    import support
    from SlicerHarness.application import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    widget, panel = module.widgetRepresentation(), support.panel().panel
    panel.run.root.setMinimumWidth(0)
    draw(folder, widget, panel, width)
    panel.cleanup()
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order; nothing is left to do here.
    os._exit(0)


def both(path: Path, widget, width: int = WIDTH) -> None:
    """One picture in the light style and one in the dark."""
    picture(path, widget, width=width)
    picture(path.with_name(f"{path.stem}-dark.png"), widget, dark=True, width=width)


def picture(path: Path, widget, dark: bool = False, width: int = WIDTH) -> None:
    """One picture of the panel at the width of Slicer's module panel; complains about what does not fit."""
    from SlicerHarness.viewing.panelpicture import render_panel

    drawn = render_panel(widget, path, width=width, dark=dark)
    trim(path)
    if drawn.cut_off:
        print(f"{path.name}: cut off: {', '.join(drawn.cut_off)}")


def trim(path: Path, margin: int = 10) -> None:
    """Cuts off the empty lower end: the panel's trailing stretch."""
    from PIL import Image, ImageChops

    whole = Image.open(path).convert("RGB")
    ground = Image.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
    box = ImageChops.difference(whole, ground).getbbox()
    if box is not None:
        whole.crop((0, 0, whole.width, min(box[3] + margin, whole.height))).save(path)


def compose(path: Path, *parts: Path) -> None:
    """Panel on the left, the views on top of each other on the right, as in Slicer's window."""
    from PIL import Image

    panel, *views = (Image.open(part).convert("RGB") for part in parts)
    side = max(panel.height // len(views), 320)
    views = [view.resize((side, side)) for view in views]
    whole = Image.new("RGB", (panel.width + side, side * len(views)), panel.getpixel((0, 0)))
    whole.paste(panel.crop((0, 0, panel.width, min(panel.height, side * len(views)))), (0, 0))
    for number, view in enumerate(views):
        whole.paste(view, (panel.width, number * side))
    whole.save(path)
