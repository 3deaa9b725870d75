"""CT that is no CT any more is told; CT that is cropped is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.inference.hounsfield import hounsfield_warnings
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import ChannelIntensities, InputChannel, ModelCard, TrainingFingerprint
from UNetSegmentLib.models.opening import read_card
from UNetSegmentLib.volume import Volume


@pytest.fixture(scope="module")
def card(level_package: Path) -> ModelCard:
    return replace(read_card(level_package), inputs=(InputChannel("ct", "CT"),))


def _body() -> np.ndarray:
    """Air, fat and organs with noise: 40 x 60 x 60 voxels."""
    _, y, x = np.indices((40, 60, 60))
    radius = np.hypot(y - 30, x - 30)
    values = np.select([radius < 18, radius < 24], [60.0, -100.0], -1000.0)
    return (values + np.random.default_rng(0).normal(0, 12, values.shape)).round().astype(np.int16)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda hu: np.clip(hu, -160, 240) + 160, "none below 0"),
        (lambda hu: ((np.clip(hu, -90, 60) + 90) / 150 * 255).astype(np.uint8), "0 to 255"),
        (lambda hu: hu + 1100, "none below 0"),
        (lambda hu: (hu - hu.mean()) / hu.std(), "normalised"),
        (lambda hu: np.clip(hu, -160, 240), "window"),
    ],
)
def test_what_is_no_hounsfield_unit_is_told(change, word: str, card: ModelCard) -> None:
    (warning,) = hounsfield_warnings(Volume.from_array(change(_body()), spacing=(5, 5, 5), name="x"), card)
    assert word in warning and "'x'" in warning and "Hounsfield" in warning


def test_no_false_alarm(card: ModelCard) -> None:
    hu = _body()
    assert hounsfield_warnings(Volume.from_array(hu, spacing=(5, 5, 5)), card) == []
    # A crop inside of an organ, and one of organ and fat.
    assert hounsfield_warnings(Volume.from_array(hu[:, 22:38, 22:38], spacing=(2, 2, 2)), card) == []
    assert hounsfield_warnings(Volume.from_array(hu[:, 10:50, 20:40], spacing=(2, 2, 2)), card) == []
    for modality in ("MR", "T1", "PET", "any", "Octree"):
        other = replace(card, inputs=(InputChannel("x", modality),))
        assert hounsfield_warnings(Volume.from_array(hu + 1100), other) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dicom_series", False),
        ("ct_torso_3mm.nii.gz", False),
        ("ct_head_avm.nii.gz", True),
        ("ct_oblique.nii.gz", True),
    ],
)
def test_real_images(name: str, told: bool, shared_data: Path, card: ModelCard) -> None:
    """Two are Hounsfield units; a head without its offset and a picture of 8 bits are not."""
    assert bool(hounsfield_warnings(read_volume(shared_data / "ct" / name), card)) is told


def test_an_image_without_the_densities_of_the_training_is_told(card: ModelCard) -> None:
    """Teeth and metal in a body of fat and organs; the organs' own densities are there, and in MR nothing is said."""
    image = Volume.from_array(_body(), spacing=(5, 5, 5), name="x")
    teeth = TrainingFingerprint(9, (ChannelIntensities(900.0, 1500.0, 2500.0),))
    (warning,) = hounsfield_warnings(image, replace(card, fingerprint=teeth))
    assert "next to nothing between 900 and 2500" in warning
    organs = TrainingFingerprint(9, (ChannelIntensities(0.0, 60.0, 120.0),))
    for known in (organs, TrainingFingerprint(9)):
        assert hounsfield_warnings(image, replace(card, fingerprint=known)) == []
    mr = replace(card, inputs=(InputChannel("T1", "MR"),), fingerprint=teeth)
    assert hounsfield_warnings(image, mr) == []
