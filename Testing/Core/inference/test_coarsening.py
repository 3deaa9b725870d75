"""How much coarser a model runs by itself: by the size of what it finds, and only where that saves time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import card, network_config

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.coarsening import coarsening
from UNetSegmentLib.models import Model, ModelCard, StructureSize, TrainingFingerprint
from UNetSegmentLib.networks import build
from UNetSegmentLib.volume import Volume

BY_ITSELF = EngineSettings(spacing_scale=None, backend="torch")


def known(*widths: float, spacing: float = 1.0) -> ModelCard:
    own = card(4)
    structures = tuple(StructureSize(n + 1, 1.0, width) for n, width in enumerate(widths))
    preparation = replace(own.preparation, spacing=(spacing,) * 3)
    return replace(own, preparation=preparation, fingerprint=TrainingFingerprint(9, (), structures))


@pytest.mark.parametrize(
    ("own", "scale"),
    [
        (card(4), 1.25),  # nothing is known
        (known(), 1.25),
        (known(40.0, 60.0), 1.25),
        (known(60.0, 7.2), 1.1),
        (known(14.4, spacing=2.0), 1.1),
        (known(2.0), 1.0),
    ],
)
def test_the_smallest_structure_decides(own: ModelCard, scale: float) -> None:
    assert coarsening(own) == pytest.approx(scale)


def test_smaller_structures_never_run_coarser() -> None:
    scales = [coarsening(known(width)) for width in np.linspace(0.5, 50, 100)]
    assert scales == sorted(scales)
    assert min(scales) == 1.0 and max(scales) == 1.25


@pytest.mark.parametrize(("shape", "scale"), [((8, 12, 10), 1.0), ((24, 36, 30), 1.25)], ids=["one tile", "many"])
def test_coarser_only_where_that_saves_tiles(shape: tuple[int, int, int], scale: float) -> None:
    torch.manual_seed(0)
    model = Model.in_memory(known(40.0), [build(network_config(4))])
    voxels = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    segmenter = Segmenter(model, "cpu", settings=BY_ITSELF)
    result = segmenter.segment(Volume(voxels, Geometry(shape[::-1])))
    assert result.settings["spacing_scale"] == scale
    assert segmenter.spacing_scale == 1.25
    fixed = Segmenter(model, "cpu", settings=replace(BY_ITSELF, spacing_scale=1.25))
    assert fixed.segment(Volume(voxels, Geometry(shape[::-1]))).settings["spacing_scale"] == 1.25
