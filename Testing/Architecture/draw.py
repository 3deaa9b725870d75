"""Draws the house: its floors as pyproject.toml orders them, and who uses whom as the imports have it.

    python Testing/Architecture/draw.py            # draws Resources/Docs/pictures/architecture.svg anew
    python Testing/Architecture/draw.py --check    # ends with 1 when the picture is not that of the code

An arrow from A to C is left out where A uses B and B uses C, so that the picture stays readable; the table beside it in
architecture.md says what each room is for.
"""

from __future__ import annotations

import argparse
import html
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "Resources" / "Docs" / "pictures" / "architecture.svg"
# Where the packages of each house lie.
HOUSES = {"UNetSegmentPlugin": ROOT / "UNetSegment", "UNetSegmentLib": ROOT}
TITLES = {
    "UNetSegmentPlugin": "UNetSegmentPlugin: the panel and the scene, inside 3D Slicer",
    "UNetSegmentLib": "UNetSegmentLib: images, networks and masks",
}

WIDTH, BOX_HEIGHT, FLOOR, MARGIN, GAP = 1000, 34, 66, 24, 16
_STYLE = """
  text { font: 14px system-ui, 'DejaVu Sans', sans-serif; fill: #1d2b3a }
  .title { font-weight: 600; font-size: 16px }
  .house { fill: #f5f8fc; stroke: #b8c7d9 }
  .room { fill: #ffffff; stroke: #24405f }
  .use { fill: none; stroke: #5b7ea6; stroke-opacity: .55; stroke-width: 1.2 }
  .door { fill: none; stroke: #ef6a5a; stroke-width: 2.5 }
"""


@dataclass(frozen=True)
class House:
    """One package: its floors, the highest first, and which room uses which."""

    name: str
    floors: tuple[tuple[str, ...], ...]
    uses: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Box:
    """A room's place in the picture, in pixels."""

    x: float
    y: float
    width: float

    @property
    def top(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + BOX_HEIGHT


def houses() -> list[House]:
    """Every house whose floors pyproject.toml lists."""
    found = floors()
    return [House(name, found[name], _reduced(_uses(name))) for name in HOUSES if name in found]


def floors() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Rooms by floor, of each package that has a contract of layers."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    result = {}
    for contract in contracts:
        if contract["type"] == "layers" and contract["containers"][0] in HOUSES:
            house = contract["containers"][0]
            rows = (tuple(room for room in _names(layer) if _is_there(house, room)) for layer in contract["layers"])
            result[house] = tuple(row for row in rows if row)
    return result


def _is_there(house: str, room: str) -> bool:
    """Whether a room has any code: a contract may name rooms that are optional, in parentheses."""
    place = HOUSES[house] / house / room
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _names(layer: str) -> Iterable[str]:
    return (name.strip(" ()") for name in layer.replace(":", "|").split("|"))


def _uses(name: str) -> set[tuple[str, str]]:
    """Pairs of rooms of which the first imports something of the second."""
    import grimp

    sys.path.insert(0, str(HOUSES[name]))
    graph = grimp.build_graph(name, cache_dir=None)
    pairs = set()
    for module in graph.modules:
        for target in graph.find_modules_directly_imported_by(module):
            first, second = _room(module), _room(target)
            if first and second and first != second:
                pairs.add((first, second))
    return pairs


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _reduced(uses: set[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Without the pairs that follow from others."""
    below: dict[str, set[str]] = {}
    for first, second in uses:
        below.setdefault(first, set()).add(second)

    def reach(room: str, seen: set[str]) -> set[str]:
        for other in below.get(room, ()):
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen

    return frozenset(
        (first, second)
        for first, second in uses
        if not any(second in reach(other, set()) for other in below[first] if other != second)
    )


def svg(drawn: list[House]) -> str:
    """The whole picture."""
    y = float(MARGIN)
    parts, tops = [], []
    for house in drawn:
        height = FLOOR * len(house.floors) + 40
        parts.append(
            f'<rect class="house" x="{MARGIN}" y="{y:g}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="10"/>'
        )
        parts.append(_text(MARGIN + 14, y + 26, TITLES[house.name], "title"))
        boxes = _boxes(house, y + 42)
        parts += [_arrow(boxes[first], boxes[second]) for first, second in sorted(house.uses)]
        parts += [_room_box(name, box) for name, box in boxes.items()]
        tops.append((y, y + height))
        y += height + 46
    if len(tops) == 2:
        parts.append(_door(tops[0][1], tops[1][0]))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:g}" width="{WIDTH}" height="{y:g}">\n'
        f"<style>{_STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#5b7ea6"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _boxes(house: House, top: float) -> dict[str, Box]:
    boxes = {}
    for level, rooms in enumerate(house.floors):
        widths = [max(70.0, 9.0 * len(name) + 24) for name in rooms]
        gap = max(GAP, (WIDTH - 4 * MARGIN - sum(widths)) / (len(rooms) + 1))
        x = 2 * MARGIN + (WIDTH - 4 * MARGIN - sum(widths) - gap * (len(rooms) - 1)) / 2
        for name, width in zip(rooms, widths, strict=True):
            boxes[name] = Box(x, top + level * FLOOR, width)
            x += width + gap
    return boxes


def _room_box(name: str, box: Box) -> str:
    x, y = box.top
    return (
        f'<rect class="room" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{x:g}" y="{y + 22:g}" text-anchor="middle">{html.escape(name)}</text>'
    )


def _arrow(first: Box, second: Box) -> str:
    (x0, y0), (x1, y1) = first.bottom, second.top
    bend = (y1 - y0) * 0.45
    return (
        f'<path class="use" marker-end="url(#head)" d="M{x0:g} {y0:g} C{x0:g} {y0 + bend:g} '
        f'{x1:g} {y1 - bend:g} {x1:g} {y1 - 1:g}"/>'
    )


def _door(upper: float, lower: float) -> str:
    x = WIDTH / 2
    return (
        f'<path class="door" d="M{x:g} {upper:g} V{lower:g}"/>'
        + _text(x + 12, (upper + lower) / 2 + 5, "the door: worker.client here, worker.serving in a process of its own")
    )  # fmt: skip


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:g}" y="{y:g}">{html.escape(words)}</text>'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args()
    picture = svg(houses())
    if options.check:
        same = PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == picture
        print("The picture is that of the code." if same else f"Stale: run python {Path(__file__).name} again.")
        return 0 if same else 1
    PICTURE.write_text(picture, encoding="utf-8")
    print(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
