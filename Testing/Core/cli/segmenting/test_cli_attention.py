"""``unetsegment attention`` on a package whose one gate is known by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import load_model, save_model
from UNetSegmentLib.networks import build

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def gated(make_level_package: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The package of the level model with a gate whose coefficient is sigmoid(2 x - 2), x the intensity."""

    def make(dimension: int = 3, channels: int = 1) -> Path:
        plain = load_model(make_level_package(dimension, channels, f"plain{dimension}"))
        card = replace(plain.card, name="gated", network=replace(plain.card.network, skip="attention"))
        state = {name: value.zero_() for name, value in build(card.network).state_dict().items()}
        own = plain.network().state_dict()
        state |= {name: value for name, value in own.items() if name in state and "decoder" not in name}
        centre = (1,) * dimension
        skip = "decoder.stages.0.skip."
        state[f"{skip}project_skip.weight"][0, 0] = 1
        state[f"{skip}psi.0.weight"][0, 0] = 2
        state[f"{skip}psi.0.bias"][0] = -2
        state[f"{skip}refine.0.weight"][0, 0] = 1
        state["decoder.stages.0.blocks.0.conv.weight"][0, 4][centre] = 1  # after the upsampled channels
        return save_model(card, [state], tmp_path_factory.mktemp("gated") / "gated")

    return make


def test_a_picture_and_a_volume_for_each_gate(run_json: Callable[..., Any], image: Path, gated, tmp_path: Path) -> None:
    target, maps = tmp_path / "attention.png", tmp_path / "maps.nii.gz"
    found = run_json("attention", image, target, "--model", gated(), "--volume", maps)
    assert found["files"] == [str(target), str(tmp_path / "maps-1.nii.gz")]
    assert Image.open(target).size[0] > 800
    original, written = read_volume(image), read_volume(tmp_path / "maps-1.nii.gz")
    assert written.geometry.is_close(original.geometry)
    assert np.abs(written.voxels - 1 / (1 + np.exp(2 - 2 * original.voxels))).max() < 1e-5
    assert found["gates"] == [
        {
            "gate": 1,
            "step": [1, 1, 1],
            "least": pytest.approx(0.1192, abs=1e-4),
            "mean": pytest.approx(float(written.voxels.mean()), abs=1e-6),
            "greatest": pytest.approx(0.8808, abs=1e-4),
        }
    ]


def test_a_colour_photograph(run: Run, gated, tmp_path: Path) -> None:
    path = tmp_path / "photograph.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 3, (40, 30, 3)).astype(np.uint8)).save(path)
    result = run("attention", path, tmp_path / "attention.png", "-m", gated(2, 3), "--maps-only")
    assert result.exit_code == 0, result.output
    assert "Gate 1, a coefficient every 1 x 1 voxels: 0.119 to 0.881" in result.stdout
    assert str(tmp_path / "attention.png") in result.stdout


def test_a_chosen_slice_and_region(run: Run, image: Path, gated, tmp_path: Path) -> None:
    model, target = gated(), tmp_path / "attention.png"
    inside = run("attention", image, target, "-m", model, "--slice", 3, "--roi", "voxels:0,16,0,16,0,16")
    # What lies outside was not looked at and does not count as closed.
    assert "0.119 to 0.881" in inside.stdout, inside.output
    before = target.read_bytes()
    outside = run("attention", image, target, "-m", model, "--slice", 20)
    assert outside.exit_code == 3
    assert "no slice 20; the image has 20" in outside.stderr
    assert target.read_bytes() == before
    words = run("attention", image, target, "-m", model, "--slice", "middle")
    assert words.exit_code == 2
    assert "'middle' is no slice" in words.stderr


def test_a_model_without_gates(run: Run, image: Path, level_package: Path, tmp_path: Path) -> None:
    result = run("attention", image, tmp_path / "attention.png", "--model", level_package)
    assert result.exit_code == 4
    assert "has no attention gates" in result.stderr
    assert "train DATA --network attention" in " ".join(result.stderr.split())
    assert not (tmp_path / "attention.png").exists()


@pytest.mark.parametrize(
    ("target", "maps", "words"),
    [("picture.jpg", None, "The picture is a PNG"), ("a.png", "maps.png", "Maps cannot be written as 'maps.png'")],
)
def test_names_that_cannot_be_written_are_refused_first(
    run: Run, image: Path, level_package: Path, tmp_path: Path, target: str, maps: str | None, words: str
) -> None:
    further = [] if maps is None else ["--volume", tmp_path / maps]
    result = run("attention", image, tmp_path / target, "-m", level_package, *further)
    assert result.exit_code == 5
    assert words in result.stderr
