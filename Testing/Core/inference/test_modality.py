"""What is said of an image whose DICOM header names another modality than the model's card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.inference.modality import modality_warnings
from UNetSegmentLib.models import ModelCard, load_model, read_card
from UNetSegmentLib.models.card import InputChannel
from UNetSegmentLib.models.modality import modalities
from UNetSegmentLib.volume import Volume

VOXELS = np.zeros((1, 8, 8, 8), np.float32)
VOXELS[:, 2:5] = 1


def image(modality: str) -> Volume:
    return replace(Volume.from_array(VOXELS[0], name="scan"), modality=modality)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CT", ("CT",)),
        ("CT angiography", ("CT", "XA")),
        ("T1-weighted MRI", ("MR",)),
        ("MR, CT", ("CT", "MR")),
        ("computed tomography", ("CT",)),
        ("FDG-PET/CT", ("CT", "PT")),
        ("ultrasound (B-mode)", ("US",)),
        ("any", ()),
        ("Colour fundus photograph", ()),
        ("octopus", ()),
    ],
)
def test_words_of_cards(text: str, words: tuple[str, ...]) -> None:
    assert set(modalities(text)) == set(words)


@pytest.fixture
def card(level_package: Path) -> ModelCard:
    return replace(read_card(level_package), name="liver", modality="CT")


@pytest.mark.parametrize(("modality", "said"), [("MR", True), ("CT", False), ("", False)])
def test_it_is_said_with_the_way_out(card: ModelCard, modality: str, said: bool) -> None:
    warnings = modality_warnings([image(modality)], card)
    assert bool(warnings) == said
    if said:
        assert "'scan' is MR by its DICOM header, and 'liver' was made for CT" in warnings[0]
        assert "--series" in warnings[0]
    # A cohort leaves the same series out.
    assert bool(Wanted.by(card).objection(modality, 8)) == said


def test_each_channel_has_a_modality_of_its_own(card: ModelCard) -> None:
    both = replace(card, modality="PET/CT", inputs=(InputChannel("body", "CT"), InputChannel("uptake", "PET")))
    assert modality_warnings([image("CT"), image("PT")], both) == []
    assert len(modality_warnings([image("PT"), image("CT")], both)) == 2


def test_a_run_says_it(level_package: Path) -> None:
    model = load_model(level_package)
    model.card = replace(model.card, modality="MR")
    segmenter = Segmenter(model, "cpu")
    assert any("made for MR" in warning for warning in segmenter.segment(image("CT")).warnings)
    assert not any("made for" in warning for warning in segmenter.segment(image("MR")).warnings)
