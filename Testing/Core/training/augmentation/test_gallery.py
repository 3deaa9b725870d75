"""The picture of the augmentations: its examples, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from training_cases import balls, write_case
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.training import AugmentationConfig, save_config
from UNetSegmentLib.training.augmentation.gallery import gallery, steps
from UNetSegmentLib.training.augmentation.picture import draw
from UNetSegmentLib.training.augmentation.scenes import case_scene, phantom_scene

ROWS = (
    "flips",
    "rotation",
    "scaling",
    "elastic deformation",
    "gamma",
    "gamma, inverted",
    "contrast",
    "brightness",
    "noise",
    "blur",
    "low resolution",
    "bias field",
    "cutout",
    "padding",
    "all by chance",
)


def test_every_transform_has_a_row_and_changes_the_patch_more_and_more():
    scene, look = phantom_scene(AugmentationConfig())
    plain = scene.changed("", lambda x: x)
    rows = dict(gallery(scene, AugmentationConfig()))
    assert tuple(rows) == ROWS
    for name, examples in rows.items():
        assert all(example.image.shape == plain.image.shape for example in examples)
        assert all(example.label.unique().numel() <= 4 for example in examples)
        differences = [float((example.image - plain.image).abs().mean()) for example in examples]
        assert max(differences) > 0.01
        if name in ("rotation", "elastic deformation", "noise", "blur", "low resolution", "bias field"):
            assert differences == sorted(differences), name
    moved = [name for name, examples in rows.items() if any(not torch.equal(e.label, plain.label) for e in examples)]
    assert moved == ["flips", "rotation", "scaling", "elastic deformation", "padding", "all by chance"]
    swapped = rows["flips"][1]
    assert "swapped" in swapped.strength
    assert torch.equal(swapped.image, rows["flips"][0].image)
    assert not torch.equal(swapped.label, rows["flips"][0].label)
    picture = draw(plain, look, (100, 100))
    assert picture.shape == (100, 100, 3)
    assert picture.dtype == np.uint8


def test_steps_leave_out_what_changes_nothing():
    assert steps((0.0, 0.5), 5) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert steps((1.0, 2.0), 2) == pytest.approx([1.5, 2.0])
    assert steps((-0.3, 0.3), 3) == pytest.approx([-0.3, 0.0, 0.3])


def test_the_patch_lies_around_the_labels_in_the_configurations_preparation(make_config, folder):
    image, labels = (folder / sub / "case_0.nii.gz" for sub in ("images", "labels"))
    config = make_config(augmentation=AugmentationConfig(label_pairs=((1, 2),)))
    scene, look = case_scene(image, labels, config)
    assert scene.patch == (12, 12, 12)
    assert scene.pairs == ((1, 2),)
    assert look.colors == tuple(label.color for label in config.card.labels)
    shown = scene.changed("", lambda x: x)
    assert set(shown.label[6].unique().tolist()) == {0, 1, 2}
    plain, _ = case_scene(image, None, None)
    assert plain.patch == (12, 14, 16)
    assert plain.classes == 1
    assert float(plain.case.image.std()) == pytest.approx(1, abs=1e-3)


def test_colours_stay_colours(tmp_path):
    random = np.random.default_rng(0)
    picture = sitk.GetImageFromArray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8), isVector=True)
    sitk.WriteImage(picture, str(tmp_path / "colour.png"))
    scene, look = case_scene(tmp_path / "colour.png", None, None)
    assert scene.flat
    assert scene.patch == (1, 40, 50)
    assert len(look.window) == 3
    assert len(set(look.window)) == 1


def test_the_command(tmp_path: Path, make_config):
    runner, target = CliRunner(), tmp_path / "picture.png"
    write_case(tmp_path, "a", *balls(1))
    image, labels = (str(tmp_path / sub / "a.nii.gz") for sub in ("images", "labels"))
    save_config(make_config(), tmp_path / "training.json")
    options = ["--image", image, "--labels", labels, "--config", str(tmp_path / "training.json")]
    result = runner.invoke(app, ["augmentations", str(target), *options])
    assert result.exit_code == 0, result.output
    assert target.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    target.unlink()
    assert runner.invoke(app, ["augmentations", str(target), "--labels", labels]).exit_code == 2
    assert runner.invoke(app, ["augmentations", str(tmp_path / "no" / "p.png")]).exit_code == 5
    write_case(tmp_path, "b", balls(1, (8, 8, 8))[0], balls(1, (8, 8, 8))[1])
    other = str(tmp_path / "labels" / "b.nii.gz")
    assert runner.invoke(app, ["augmentations", str(target), "--image", image, "--labels", other]).exit_code == 3
    assert not target.exists()
