"""A network whose answers are not numbers says so, instead of finding nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import NearestLevel, card, level_model, random_labels
from torch import nn

from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.finite import FiniteWatch, NotFiniteError
from UNetSegmentLib.models import Model
from UNetSegmentLib.networks import build
from UNetSegmentLib.volume import Volume


def scan(size: int = 20) -> Volume:
    return Volume(random_labels((size,) * 3)[None], Geometry((size,) * 3), "scan.nii")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("every", ["weight", "first"])
@pytest.mark.parametrize("size", [8, 20])
def test_weights_that_are_no_numbers_are_told(number, every, size):
    contract = card(patch=(8, 12, 10))
    network = build(contract.network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.flatten()[slice(None) if every == "weight" else slice(1)] = number
    model = Model.in_memory(contract, [network.eval()])
    with pytest.raises(ModelError, match="NaN or infinite") as caught:
        Segmenter(model, "cpu").segment(scan(size))
    assert "'phantom'" in str(caught.value) and "train" in caught.value.cure


class Loud(NearestLevel):
    """The same answer by way of numbers beyond half precision."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.up, self.down = nn.Conv3d(1, 1, 1, bias=False), nn.Conv3d(1, 1, 1, bias=False)
        nn.init.constant_(self.up.weight, 65536.0)
        nn.init.constant_(self.down.weight, 1 / 65536.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(self.down(self.up(x)).float())


def test_numbers_too_large_for_half_precision_run_in_single_precision_and_say_so():
    model = level_model(network=Loud)
    segmenter = Segmenter(model, "cpu", settings=EngineSettings(precision="fp16", backend="torch"))
    for _ in range(2):
        result = segmenter.segment(scan())
        assert np.array_equal(result.segmentation.voxels, scan().voxels[0])
        assert any("half precision" in warning for warning in result.warnings)
        assert result.settings["precision"] == "float32"


def test_an_image_beyond_single_precision_is_the_images_fault():
    image = scan()
    huge = Volume(image.voxels.astype(np.float64) * 1e300, image.geometry, "scan.nii")
    with np.errstate(over="ignore"), pytest.raises(InputError, match=r"intensities are too large|NaN or infinite"):
        Segmenter(level_model(), "cpu").segment(huge)


def test_a_program_may_say_minus_infinity():
    watch = FiniteWatch(infinite=False)
    values = torch.zeros(1, 2, 8, 8, 8)
    values[:, 1] = -torch.inf
    watch.look(values)
    with pytest.raises(NotFiniteError):
        FiniteWatch().look(values)
    values[0, 0] = torch.nan
    with pytest.raises(NotFiniteError):
        watch.look(values)
