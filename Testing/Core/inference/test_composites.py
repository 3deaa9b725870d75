"""Models of several networks: parts with one label table, and cascades."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import NearestLevel, card, level_model, random_labels
from torch import nn

import UNetSegmentLib.inference.segmenter as segmenter_module
from UNetSegmentLib.errors import Cancelled
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.cascade import resample_labels
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import Model
from UNetSegmentLib.models.card import Companion, PostprocessingStep
from UNetSegmentLib.preprocessing.preparation import lay_out
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.volume import Volume

OBLIQUE = (0.8, -0.6, 0.0, 0.48, 0.64, -0.6, 0.36, 0.48, 0.8)


def volume_of(labels: np.ndarray, **grid) -> Volume:
    return Volume(labels[None].astype(np.float32), Geometry(labels.shape[::-1], **grid), "phantom")


class Level(nn.Module):
    """Foreground where the rounded intensity is one of ``levels``: the n-th becomes channel n + 1."""

    def __init__(self, *levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [0.5 - (x[:, :1] - level).abs() for level in self.levels]
        return torch.cat([torch.zeros_like(x[:, :1]), *found], dim=1)


def part(values, levels, **changes) -> Model:
    changes = {"patch": (8, 12, 10), **changes}
    inference = {"output_values": (0, *values)}
    contract = card(
        len(values) + 1, labels=tuple(Label(v, f"label {v}") for v in values), inference=inference, **changes
    )
    return Model.in_memory(contract, [Level(*levels)])


def composite(main: Model, *parts: Model) -> Model:
    labels = tuple(label for model in (main, *parts) for label in model.card.labels)
    labels = tuple({label.value: label for label in labels}.values())
    companions = tuple(Companion(f"part{n}", "part") for n in range(len(parts)))
    network = main.network(0)
    return Model.in_memory(replace(main.card, labels=labels, companions=companions), [network], parts)


def test_parts_are_painted_in_order_into_one_map():
    labels = random_labels((21, 15, 18), 6)
    # Levels 3 and 4 are label 9 of the second part, and the third paints its 7 over level 4.
    model = composite(part((1, 2), (1, 2)), part((9,), (3,)), part((300, 7), (5, 4)))
    result = Segmenter(model, "cpu").segment(volume_of(labels))
    expected = np.array([0, 1, 2, 9, 7, 300])[labels]
    np.testing.assert_array_equal(result.segmentation.voxels, expected)
    assert [label.value for label in result.segmentation.labels] == [1, 2, 9, 300, 7]
    over = composite(part((1, 2), (1, 2)), part((5,), (2,)))
    result = Segmenter(over, "cpu").segment(volume_of(labels))
    np.testing.assert_array_equal(result.segmentation.voxels, np.array([0, 1, 5, 0, 0, 0])[labels])


def test_parts_may_differ_in_all_that_a_contract_says():
    labels = np.zeros((24, 26, 22), np.uint8)
    labels[4:12, 5:15, 3:12], labels[14:20, 8:20, 8:18] = 1, 2
    second = part(
        (4,), (2,), patch=(16, 8, 12), preparation={"orientation": "RAS", "transpose": (2, 0, 1), "spacing": (1, 1, 1)}
    )
    model = composite(part((1,), (1,)), second)
    region = Box((2, 0, 1), (18, 25, 21))
    image = volume_of(labels, direction=OBLIQUE, spacing=(1, 1, 1))
    result = Segmenter(model, "cpu", settings=EngineSettings(precision="fp32")).segment(image, region)
    expected = np.zeros_like(labels)
    expected[region.slices] = np.array([0, 1, 4])[labels[region.slices]]
    np.testing.assert_array_equal(result.segmentation.voxels, expected)


def test_parts_share_the_prepared_image_where_they_want_the_same(monkeypatch):
    calls = []
    original = segmenter_module.prepare
    monkeypatch.setattr(segmenter_module, "prepare", lambda *a, **k: calls.append(1) or original(*a, **k))
    labels = volume_of(random_labels((12, 14, 16)))
    Segmenter(composite(part((1,), (1,)), part((2,), (2,)), part((3,), (3,))), "cpu").segment(labels)
    assert len(calls) == 1
    Segmenter(composite(part((1,), (1,)), part((2,), (2,), preparation={"orientation": "RAS"})), "cpu").segment(labels)
    assert len(calls) == 3


def test_a_part_is_cleaned_before_the_next_is_painted():
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[2:8, 2:8, 2:8], labels[12, 12, 12] = 1, 1
    labels[4, 4, 4] = 2
    steps = (PostprocessingStep("keep-largest", (1,)),)
    model = composite(part((1,), (1,), postprocessing=steps), part((2,), (2,)))
    found = Segmenter(model, "cpu").segment(volume_of(labels)).segmentation.voxels
    labels[12, 12, 12] = 0
    np.testing.assert_array_equal(found, labels)


def test_progress_counts_the_tiles_of_all_parts_and_cancel_stops_any():
    events = []
    how = EngineSettings(tile_batch=1)
    model = composite(part((1,), (1,)), part((2,), (2,), patch=(12, 12, 12)), part((3,), (3,)))
    image = volume_of(random_labels((20, 20, 20)))
    result = Segmenter(model, "cpu", settings=how).segment(image, progress=events.append)
    counted = [e.done for e in events if e.stage == "segment"]
    totals = {e.total for e in events if e.stage == "segment"}
    assert totals == {result.settings["tiles"]} and counted == sorted(counted) and counted[-1] == max(totals)
    assert result.settings["networks"] == 3
    token = CancelToken()
    middle = counted[-1] * 2 // 3

    def cancel(event):
        if event.stage == "segment" and event.done == middle:
            token.cancel()

    with pytest.raises(Cancelled):
        Segmenter(model, "cpu", settings=how).segment(image, progress=cancel, cancel=token)


def test_maps_of_all_parts():
    labels = random_labels((9, 10, 11), 3)
    model = composite(part((1,), (1,)), part((2,), (2,)))
    result = Segmenter(model, "cpu").segment(volume_of(labels), probabilities=True, uncertainty=True)
    assert result.probabilities.voxels.shape == (4, *labels.shape)
    assert np.all((result.probabilities.voxels[3] > 0.5) == (labels == 2))
    assert result.uncertainty.voxels.shape == (1, *labels.shape)


def test_networks_go_between_parts_where_memory_is_short(monkeypatch):
    from UNetSegmentLib.inference.runner import ModelRunner

    released = []
    monkeypatch.setattr(ModelRunner, "fits_beside", lambda self, record: False)
    monkeypatch.setattr(ModelRunner, "release", lambda self: released.append(self.card.labels[0].value))
    model = composite(part((1,), (1,)), part((2,), (2,)))
    Segmenter(model, "cpu").segment(volume_of(random_labels((10, 10, 10))))
    assert released == [1]


class FromPrevious(nn.Module):
    """Repeats the previous stage: its one-hot channels are the logits, background where there is none."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.full_like(x[:, :1], 0.5), x[:, 1:]], dim=1)


def cascade(previous: Model, **changes) -> Model:
    count = len(previous.card.labels)
    values = tuple(sorted(label.value for label in previous.card.labels))
    contract = card(
        count + 1,
        labels=previous.card.labels,
        inference={"output_values": (0, *values), **changes.pop("inference", {})},
        companions=(Companion("previous", "previous"),),
        **changes,
    )
    contract = replace(contract, network=replace(contract.network, in_channels=1 + count))
    return Model.in_memory(contract, [FromPrevious()], [previous])


@pytest.mark.parametrize("region", [None, Box((3, 2, 4), (15, 17, 16))])
def test_the_second_stage_sees_the_labels_of_the_first(region):
    labels = random_labels((17, 18, 19), 4)
    first = level_model(4, patch=(16, 8, 8), preparation={"orientation": "RAS", "transpose": (1, 2, 0)})
    model = cascade(first, preparation={"orientation": "PIR", "transpose": (2, 1, 0)})
    image = volume_of(labels, direction=OBLIQUE, spacing=(0.8, 1.1, 1.4))
    events = []
    result = Segmenter(model, "cpu").segment(image, region, progress=events.append)
    expected = labels
    if region is not None:
        expected = np.zeros_like(labels)
        expected[region.slices] = labels[region.slices]
    np.testing.assert_array_equal(result.segmentation.voxels, expected)
    assert result.settings["networks"] == 2
    assert {e.total for e in events if e.stage == "segment"} == {result.settings["tiles"]}


def test_background_rule_looks_at_the_image_and_not_at_the_labels():
    labels = np.zeros((30, 12, 12), np.uint8)
    labels[3:7, 3:9, 3:9] = 2
    first = level_model(4)
    model = cascade(first, inference={"background_below": 0.0})
    result = Segmenter(model, "cpu").segment(volume_of(labels))
    np.testing.assert_array_equal(result.segmentation.voxels, labels)


@pytest.mark.parametrize("shape", [(10, 12, 14), (4, 20, 20)])
@pytest.mark.parametrize("apart", [None, 0])
def test_labels_are_resampled_as_nnunet_does(shape, apart):
    """One label's mask after the other, the greatest wins, ties to the nearest (batchgenerators 0.25.5)."""
    utils = pytest.importorskip("batchgenerators.augmentations.utils", reason="batchgenerators makes the reference")
    if not hasattr(utils, "_resample_seg_by_argmax"):
        pytest.skip("an older batchgenerators, which settled ties by the label's value")
    labels = random_labels(shape, 5, seed=3)
    labels = np.kron(labels[::2, ::2, ::2], np.ones((2, 2, 2), np.uint8))[: shape[0], : shape[1], : shape[2]]
    image = volume_of(labels, spacing=(1.0, 1.0, 3.7 if apart == 0 else 1.0))
    preparation = card(preparation={"spacing": (1.4, 0.7, 0.5)}).preparation
    layout = lay_out(image, preparation)
    assert layout.separate_axis == apart
    new_shape = layout.record.grid.shape
    ours = resample_labels(torch.from_numpy(labels.astype(np.int32)), layout.record, apart).numpy()
    if apart is None:
        theirs = utils.resize_segmentation(labels, new_shape, order=1)
    else:
        planes = np.stack([utils.resize_segmentation(plane, new_shape[1:], order=1) for plane in labels])
        nearest = np.floor((np.arange(new_shape[0]) + 0.5) * shape[0] / new_shape[0]).astype(int)
        theirs = planes[nearest]
    np.testing.assert_array_equal(ours, theirs)


def test_the_second_stage_of_a_network_that_uses_both():
    class Both(nn.Module):
        def forward(self, x):
            agrees = NearestLevel(3)(x) - 10 * (x[:, :1] > 0.5) * torch.cat([x[:, :1] * 0, 1 - x[:, 1:]], dim=1)
            return agrees

    labels = random_labels((12, 12, 12), 3)
    first = level_model(3)
    model = cascade(first)
    both = Model.in_memory(model.card, [Both()], [first])
    np.testing.assert_array_equal(Segmenter(both, "cpu").segment(volume_of(labels)).segmentation.voxels, labels)
