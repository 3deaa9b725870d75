"""A segmentation on one page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from UNetSegmentLib.errors import GeometryError, OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting.drawing.canvas import Canvas
from UNetSegmentLib.reporting.page import PageText, facts_of_run, write_page
from UNetSegmentLib.reporting.page.content import size_table
from UNetSegmentLib.volume import Segmentation, Volume

pytest.importorskip("vtk")

GRID = Geometry((20, 24, 16), (1.0, 1.0, 2.0), (-5.0, 7.0, 30.0))
SETTINGS = {"model": "levels", "model_version": "1.2", "model_digest": "ab" * 32, "preset": "fast", "device": "cpu"}
LABELS = (Label(1, "Leber", (200, 60, 60)), Label(4, "Wirbelkörper", (60, 90, 220)), Label(9, "Milz", (10, 200, 10)))


def case() -> tuple[Volume, Segmentation]:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[4:9, 6:16, 5:15] = 1  # 500 voxels of 2 mm³
    voxels[10:12, 4:9, 4:8] = 4
    image = np.full((1, *GRID.shape), -20, np.int16)
    image[0][voxels == 1] = 55
    image[0][4, 6, 5] = -445  # the mean becomes 54
    return Volume(image, GRID, "trunk"), Segmentation(voxels, GRID, LABELS)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is drawn."""
    found: list[str] = []
    draw = Canvas.text

    def record(self: Canvas, x: float, y: float, text: str, *rest: Any, **more: Any) -> None:
        assert 0 <= x <= self.image.width and 0 <= y <= self.image.height, text
        found.append(text)
        draw(self, x, y, text, *rest, **more)

    monkeypatch.setattr(Canvas, "text", record)
    return found


@pytest.fixture(autouse=True)
def flat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three dimensions in one test alone: a process of its own draws them."""
    if "in_3d" not in request.node.name:
        monkeypatch.setattr("UNetSegmentLib.reporting.page.drawing.render", lambda *_: None)


def test_sizes_are_those_of_the_voxels() -> None:
    volume, segmentation = case()
    table = size_table(segmentation, volume, "CT")
    assert table.heading == ("Volume (mL)", "Diameter (mm)", "Mean (HU)")
    # A block of 10 mm along each axis, measured from the middle of one outer face to that of another.
    assert table.rows[0] == (LABELS[0], ("1.00", f"{np.sqrt(10**2 + 9**2 + 9**2):.1f}", "54.0"))
    assert (len(table.rows), table.empty) == (2, ("Milz",))


def test_a_picture_says_what_was_found_how_and_by_what(tmp_path: Path, words: list[str]) -> None:
    volume, segmentation = case()
    facts = facts_of_run(SETTINGS, GRID, "2026-11-30 03:00")
    text = PageText("'trunk' (CT, series 4)", facts=facts, notes=("The image is small.",), modality="CT")
    path = write_page(volume, segmentation, tmp_path / "page.png", text)
    with Image.open(path) as picture:
        assert (picture.size, round(picture.info["dpi"][0])) == ((1654, 2339), 200)
        colours = {color for _, color in picture.convert("RGB").getcolors(1 << 24)}
    assert {LABELS[0].color, LABELS[1].color} <= colours
    for word in ("'trunk' (CT, series 4)", "levels 1.2", "ab" * 16, "2026-11-30 03:00", "1.00", "54.0", "Wirbelkörper"):
        assert word in words, word
    assert "- The image is small." in words and "Not found: Milz" in words
    assert any("not for diagnosis" in word for word in words)


def test_a_pdf_is_one_page_of_the_same_in_3d(tmp_path: Path) -> None:
    volume, segmentation = case()
    path = write_page(volume, segmentation, tmp_path / "page.pdf", PageText("trunk"))
    content = path.read_bytes()
    assert content.startswith(b"%PDF") and content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 1
    assert b"/Count 1" in content


def test_many_segments_and_notes_are_counted(tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("UNetSegmentLib.reporting.page.drawing.render", lambda *_: None)
    volume, _ = case()
    voxels = np.zeros(GRID.shape, np.uint8)
    for number in range(1, 81):
        z, y = divmod(number - 1, 20)
        voxels[3 * z : 3 * z + 2, y] = number
    many = Segmentation(voxels, GRID, tuple(Label(n, f"structure {n} " + "long " * 60) for n in range(1, 81)))
    write_page(volume, many, tmp_path / "page.png", PageText("trunk", notes=tuple(f"note {n}" for n in range(30))))
    assert "- and 25 more notes" in words
    more = next(word for word in words if word.startswith("and ") and word.endswith(" more"))
    assert int(more.split()[1]) + sum(word.startswith("structure") for word in words) == 80


@settings(max_examples=60, deadline=None)
@given(st.text("ilW ä", max_size=60), st.integers(10, 300))
def test_a_text_is_cut_where_it_must_be(text: str, width: int) -> None:
    canvas = Canvas(8, 8)
    fitted = canvas.fitted(text, 20, width)
    whole = canvas.width(text, 20) <= width
    assert (fitted == text) == whole
    if not whole:
        kept = fitted.removesuffix("...")
        assert text.startswith(kept) and (canvas.width(fitted, 20) <= width or not kept)
        longer = text[: len(kept) + 1]
        assert canvas.width(longer.rstrip() + "...", 20) > width or longer.endswith(" ")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_photograph_has_pixels_and_no_mean_of_colours(tmp_path: Path, words: list[str], channels: int) -> None:
    grid = Geometry((40, 30, 1))
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[0, 5:15, 5:25] = 1
    image = Volume(np.full((channels, *grid.shape), 90, np.uint8), grid)
    write_page(image, Segmentation(voxels, grid, LABELS[:1]), tmp_path / "page.png", PageText("eye"))
    assert "Pixels" in words and "200" in words
    assert ("Mean" in words) == (channels == 1)
    assert any("no mean intensity" in word for word in words) == (channels == 3)


def test_nothing_found_is_said(tmp_path: Path, words: list[str]) -> None:
    volume, segmentation = case()
    empty = replace(segmentation, voxels=np.zeros_like(segmentation.voxels))
    write_page(volume, empty, tmp_path / "page.png", PageText("trunk"))
    assert "Nothing was found." in words


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    volume, segmentation = case()
    with pytest.raises(OutputError, match=r"\.pdf"):
        write_page(volume, segmentation, tmp_path / "page.docx", PageText("trunk"))
    moved = replace(segmentation, geometry=replace(GRID, origin=(0.0, 0.0, 0.0)))
    with pytest.raises(GeometryError, match="same grid"):
        write_page(volume, moved, tmp_path / "page.png", PageText("trunk"))
    assert not list(tmp_path.iterdir())
