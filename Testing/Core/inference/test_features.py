"""Carrying features instead of logits, and leaving classes out: the answer must stay that of all logits at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import SplitLevels, card, random_labels
from torch import nn

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.decision import Decision
from UNetSegmentLib.inference.head import Bodies, split_head
from UNetSegmentLib.inference.reduction import PlaneReducer, ReductionPlan
from UNetSegmentLib.inference.windows import windows
from UNetSegmentLib.models import Model
from UNetSegmentLib.networks import build
from UNetSegmentLib.resampling import resize
from UNetSegmentLib.resampling.separable import axis_operators
from UNetSegmentLib.volume import Volume

CLASSES = 13


class Whole(nn.Module):
    """Hides that a network can be split."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)


def networks(contract, count=1):
    torch.manual_seed(5)
    return [build(contract.network).eval().requires_grad_(False) for _ in range(count)]


def noise(shape=(19, 22, 25), spacing=(1.0, 1.2, 0.9)) -> Volume:
    voxels = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    return Volume(voxels, Geometry(shape[::-1], spacing))


def both_ways(contract, count=1, **knobs):
    """The result with the head split off and with whole networks, probabilities included."""
    trained = networks(contract, count)
    how = EngineSettings(**{"overlap": 0.3, "skip_background": False, "backend": "torch", **knobs})
    split = Segmenter(Model.in_memory(contract, trained), "cpu", settings=how)
    whole = Segmenter(Model.in_memory(contract, [Whole(n) for n in trained]), "cpu", settings=how)
    assert split_head(trained) is not None and split_head([Whole(n) for n in trained]) is None
    return split, whole


@pytest.mark.parametrize("patch", [(8, 12, 10), (32, 32, 32)])  # many tiles, and a single one
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("restored", ["logits", "probabilities", "labels"])
def test_features_give_the_labels_of_logits(patch, order, restored):
    preparation = {"spacing": (1.6, 1.5, 1.3), "output_order": order, "anisotropy_threshold": None}
    contract = card(CLASSES, patch=patch, preparation=preparation)
    split, whole = both_ways(contract, restored=restored)
    image = noise()
    ours = split.segment(image).segmentation.voxels
    theirs = whole.segment(image, probabilities=True, uncertainty=True)
    assert len(np.unique(ours)) > 3
    top = np.sort(theirs.probabilities.voxels, axis=0)
    clear = top[-1] - top[-2] > 1e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(ours[clear], theirs.segmentation.voxels[clear])
    maps = split.segment(image, probabilities=True, uncertainty=True)
    np.testing.assert_allclose(maps.probabilities.voxels, theirs.probabilities.voxels, atol=1e-5)
    np.testing.assert_allclose(maps.uncertainty.voxels, theirs.uncertainty.voxels, atol=1e-4)


def test_folds_and_mirrors_average_as_they_do_on_logits():
    contract = card(CLASSES, preparation={"spacing": (1.3, 1.3, 1.3)})
    split, whole = both_ways(contract, 3, folds=True, mirrors=True)
    ours, theirs = (s.segment(noise(), probabilities=True) for s in (split, whole))
    np.testing.assert_allclose(ours.probabilities.voxels, theirs.probabilities.voxels, atol=1e-5)
    assert ours.settings["folds"] == 3
    # More folds than pay: the features side by side would be more than the classes.
    assert split_head(networks(contract, 4)) is None


def test_sigmoid_regions_from_features():
    contract = card(CLASSES, inference={"activation": "sigmoid", "output_values": tuple(range(1, CLASSES))})
    contract = replace(contract, network=replace(contract.network, out_channels=CLASSES - 1))
    contract = replace(contract, preparation=replace(contract.preparation, spacing=(1.4, 1.4, 1.4)))
    split, whole = both_ways(contract)
    ours, theirs = (s.segment(noise(), probabilities=True) for s in (split, whole))
    np.testing.assert_allclose(ours.probabilities.voxels, theirs.probabilities.voxels, atol=1e-5)
    shares = theirs.probabilities.voxels
    painted = np.zeros(shares.shape[1:], np.uint8)
    for value, share in enumerate(shares, start=1):
        painted[share > 0.5] = value
    clear = (np.abs(shares - 0.5) > 1e-3).all(axis=0)
    labels = split.segment(noise()).segmentation.voxels
    assert len(np.unique(labels)) > 2
    np.testing.assert_array_equal(labels[clear], painted[clear])


@pytest.mark.parametrize("spacing", [None, (1.0, 1.0, 1.0)])
def test_tiles_left_out_stay_background_whatever_the_bias(spacing):
    labels = np.zeros((40, 12, 30), np.uint8)
    labels[33:37, 3:9, 20:26] = random_labels((4, 6, 6)) | 1
    contract = card(inference={"background_below": 0.0}, preparation={"spacing": spacing})
    # Where no tile was run nothing may win, not even what the bias favours.
    model = Model.in_memory(contract, [SplitLevels(4, {2: 0.4}).requires_grad_(False)])
    image = Volume(labels[None].astype(np.float32), Geometry(labels.shape[::-1]))
    result = Segmenter(model, "cpu").segment(image)
    np.testing.assert_array_equal(result.segmentation.voxels, labels)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 18)] * 3),
    target=st.tuples(*[st.integers(1, 40)] * 3),
    order=st.sampled_from([0, 1, 3]),
    classes=st.integers(2, 9),
    smooth=st.booleans(),
    seed=st.integers(0, 99),
)
def test_leaving_classes_out_changes_no_label(shape, target, order, classes, smooth, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(classes, *shape, generator=generator)
    if smooth:  # one class rules large parts
        logits = logits * 0.2 + torch.linspace(-1, 1, classes).flip(0)[:, None, None, None] * (shape[0] % 3)
    everything = resize(logits, target, order, clip=False)
    operators = axis_operators(shape, target, [order] * 3)
    decision = Decision("softmax", list(range(classes)), 0.0, torch.device("cpu"))
    found = torch.full(target, -1.0)
    for window in windows(operators, 0, target[0], 1 << 17, torch.device("cpu")):
        found[window.target] = decision.labels(window, window.cut(logits, 0))
    top = everything.sort(dim=0).values
    clear = top[-1] - top[-2] > 1e-5
    assert torch.equal(found[clear], everything.argmax(dim=0)[clear].float())
    assert float(found.min()) >= 0


def test_among_equals_the_first_class_wins():
    logits = torch.zeros(4, 6, 6, 6)
    logits[1:3, :3] = 1.0
    for shape in ((6, 6, 6), (11, 12, 13)):
        plan = ReductionPlan(Box.whole((6, 6, 6)), shape, 1, None, "softmax", (0, 5, 6, 7))
        reducer = PlaneReducer(plan, torch.device("cpu"))
        reducer.push(logits)
        labels = reducer.finish().labels
        assert set(np.unique(labels)) == {0, 5}
        assert labels[0, 0, 0] == 5 and labels[-1, 0, 0] == 0


def test_labels_beyond_a_byte():
    logits = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    plan = ReductionPlan(Box.whole((4, 5, 6)), (4, 5, 6), 1, None, "softmax", (0, 300, 65535))
    reducer = PlaneReducer(plan, torch.device("cpu"))
    reducer.push(logits)
    labels = reducer.finish().labels
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, np.array([0, 300, 65535])[logits.argmax(dim=0).numpy()])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=9), st.integers(1, 40), st.sampled_from([0, 1, 3]))
def test_planes_may_come_in_any_portions(portions, depth, order):
    shape = (sum(portions), 5, 6)
    logits = torch.randn(3, *shape, generator=torch.Generator().manual_seed(2))
    plan = ReductionPlan(Box.whole(shape), (depth, 7, 4), order, None, "softmax", (0, 1, 2))
    results = []
    for pieces in (portions, [shape[0]]):
        reducer = PlaneReducer(plan, torch.device("cpu"))
        for piece in logits.split(pieces, dim=1):
            reducer.push(piece.clone())
        results.append(reducer.finish().labels)
    np.testing.assert_array_equal(*results)


def test_a_head_is_split_off_only_where_that_pays():
    contract = card(CLASSES)
    body, head = split_head(networks(contract))
    assert isinstance(body, Bodies) and (head.classes, head.features) == (CLASSES, 4)
    x = torch.randn(2, 1, 8, 12, 10)
    network = networks(contract)[0]
    expected = network(x)[1]
    values = body(x)[1].reshape(4, -1)
    torch.testing.assert_close(head(values).reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    counted = torch.cat([3 * values, torch.full((1, values.shape[1]), 3.0)])
    torch.testing.assert_close(head(counted) / 3, head(values), rtol=1e-4, atol=1e-5)
    assert split_head(networks(card(4))) is None
