"""Colour photographs on the command line: every way that a picture file holds its colours, and what does not suit."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, write_volume
from UNetSegmentLib.volume import Volume

Image = pytest.importorskip("PIL.Image")

Run = Callable[..., Result]
RunJson = Callable[..., Any]

WARM, COLD = np.s_[5:10, 10:40], np.s_[20:35, 30:45]


def _colour_model() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "Slicer" / "colour_model.py"
    spec = importlib.util.spec_from_file_location("colour_model", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``colours`` (Warm where red is above 50, Cold where blue is above 150) and ``grey-slice``."""
    folder = tmp_path_factory.mktemp("models")
    _colour_model().main(str(folder))
    return folder


def colours() -> np.ndarray:
    """40 rows, 50 columns: a red bar, a blue block, and green noise that must not matter."""
    array = np.zeros((40, 50, 3), np.uint8)
    array[(*WARM, 0)], array[(*COLD, 2)] = 200, 240
    array[..., 1] = np.random.default_rng(0).integers(0, 250, (40, 50))
    return array


def save(folder: Path, name: str, mode: str = "RGB") -> Path:
    picture = Image.fromarray(colours())
    if mode == "RGBA":
        picture.putalpha(Image.fromarray(np.full((40, 50), 7, np.uint8)))
    picture.convert(mode).save(folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("name", "mode"), [("a.png", "RGB"), ("a.tif", "RGB"), ("a.bmp", "RGB"), ("a.png", "RGBA"), ("a.tif", "RGBA")]
)
def test_picture_files(run_json: RunJson, models: Path, tmp_path: Path, name: str, mode: str) -> None:
    target = tmp_path / "out.seg.nrrd"
    answer = run_json("segment", save(tmp_path, name, mode), target, "-m", models / "colours", "--device", "cpu")
    found = read_segmentation(target)
    expected = np.zeros((1, 40, 50), np.uint8)
    expected[(0, *WARM)], expected[(0, *COLD)] = 1, 2
    np.testing.assert_array_equal(found.voxels, expected)
    sizes = [(one["name"], one["pixels"], one["width_px"], one["height_px"]) for one in answer["segments"]]
    assert sizes == [("Warm", 150, 30.0, 5.0), ("Cold", 225, 15.0, 15.0)]
    assert len(answer["warnings"]) == (mode == "RGBA") and all("transparency" in w for w in answer["warnings"])


def test_transparency_in_a_research_format_and_16_bits(run_json: RunJson, models: Path, tmp_path: Path) -> None:
    array = np.moveaxis(np.dstack([colours(), np.full((40, 50), 255, np.uint8)]), -1, 0)[:, None]
    volume = Volume(array.astype(np.uint16), Geometry((50, 40, 1), (0.5, 0.5, 1.0), (3.0, 4.0, 5.0)))
    write_volume(volume, tmp_path / "a.nrrd")
    answer = run_json(
        "segment", tmp_path / "a.nrrd", tmp_path / "out.nii.gz", "-m", models / "colours", "--device", "cpu"
    )
    # This slice says how large it is.
    assert [one["area_mm2"] for one in answer["segments"]] == [150 * 0.25, 225 * 0.25]


def test_three_grey_files_are_one_colour_image(run_json: RunJson, models: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for n, path in enumerate(paths):
        Image.fromarray(colours()[..., n]).save(path)
    channels = [part for path in paths[1:] for part in ("--channel", path)]
    answer = run_json("segment", paths[0], tmp_path / "o.nii.gz", "-m", models / "colours", *channels)
    assert [one["pixels"] for one in answer["segments"]] == [150, 225]


def test_what_does_not_suit_is_told(run: Run, models: Path, tmp_path: Path) -> None:
    grey, colour = save(tmp_path, "grey.png", "L"), save(tmp_path, "colour.png")
    target = tmp_path / "out.nii.gz"
    result = run("segment", grey, target, "-m", models / "colours")
    assert result.exit_code != 0
    assert "reads colour images (3 channels: red, green, blue); 'grey.png' is a grey image" in result.stderr.replace(
        "\n", " "
    )
    result = run("segment", colour, target, "-m", models / "grey-slice")
    assert "'colour.png' is a colour image (3 channels)" in result.stderr.replace("\n", " ")
    result = run("segment", colour, target, "-m", models / "colours", "--surfaces", tmp_path / "surfaces")
    assert "single slice, which has no surfaces" in result.stderr.replace("\n", " ")
    assert not target.exists()


def test_a_grey_photograph_saved_as_colours_gets_a_warning(run_json: RunJson, models: Path, tmp_path: Path) -> None:
    grey = Image.open(save(tmp_path, "grey.png", "L")).convert("RGB")
    grey.save(tmp_path / "rgb.png")
    answer = run_json("segment", tmp_path / "rgb.png", tmp_path / "o.nii.gz", "-m", models / "colours")
    assert answer["warnings"] == [
        "'rgb.png' has no colours: red, green and blue are the same. 'colours' was made for colours."
    ]


def test_the_size_of_a_print_is_not_the_size_of_an_eye(run: Run, models: Path, tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.jpg", dpi=(300, 300), quality=100, subsampling=0)
    result = run(
        "segment", tmp_path / "a.jpg", tmp_path / "o.nii.gz", "-m", models / "colours", "--table", tmp_path / "t.csv",
        "--preview", tmp_path / "p.png",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Diameter (px)" in result.stdout and "mm" not in result.stdout.split("Done in")[0]
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").startswith("value,name,pixels,width_px,height_px,")
    assert Image.open(tmp_path / "p.png").width > 1000
