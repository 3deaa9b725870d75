"""A card made into a contract and back again is the same card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.card import (
    Accuracy,
    InferenceContract,
    InputChannel,
    ModelCard,
    Normalization,
    PostprocessingStep,
    Preparation,
)
from UNetSegmentLib.models.importing.contract import card_of, read_contract
from UNetSegmentLib.models.importing.describing import contract_of, contract_text
from UNetSegmentLib.models.importing.terminology import terminology
from UNetSegmentLib.models.validation import check_card
from UNetSegmentLib.networks.config import OpaqueNetwork

# What is of the package, not of the network.
_NOT_KEPT = {"name", "network", "weights", "digests", "companions", "forms", "fingerprint", "derived", "format_version"}


def same(first: ModelCard, second: ModelCard) -> None:
    for field in set(vars(first)) - _NOT_KEPT:
        assert getattr(second, field) == getattr(first, field), field


def again(card: ModelCard, readable: bool = False) -> ModelCard:
    contract = contract_of(card, "exported", card.inference.patch, card.network.divisor)
    return card_of(read_contract(contract_text(contract, readable), "here"), "onnx", "here")


@pytest.mark.parametrize("name", ["hippocampus-t1", "retinal-vessels"])
@pytest.mark.parametrize("readable", [False, True])
def test_bundled_models(name: str, readable: bool) -> None:
    card = load_model(name).card
    written = again(card, readable)
    same(card, written)
    assert written.name == "exported"
    assert written.network.divisor == card.network.divisor
    assert written.network.in_channels == card.network.in_channels
    assert written.network.out_channels == card.network.out_channels


@st.composite
def cards(draw: st.DrawFn) -> ModelCard:
    dimension = draw(st.sampled_from([2, 3]))
    channels = draw(st.integers(1, 2))
    sigmoid = draw(st.booleans())
    labels = draw(st.lists(st.integers(1, 300), min_size=1, max_size=4, unique=True))
    outputs = draw(st.permutations(labels))
    values = tuple(outputs) if sigmoid else (0, *outputs)
    numbers = st.floats(0.2, 9, allow_nan=False)
    kinds = [Normalization("zscore"), Normalization("none", then=Normalization("standard", mean=1.0, std=2.0))]
    kinds.append(Normalization("ct", -100.0, 300.0, 10.0, 50.0))
    rule = draw(st.sampled_from(kinds))
    spacing: Any = None
    if draw(st.booleans()):
        spacing = (None if dimension == 2 else draw(numbers), draw(numbers), draw(numbers))
    centres = draw(st.booleans())
    preparation = Preparation(
        orientation=draw(st.sampled_from([None, "LPS", "RAS"])),
        crop_nonzero=draw(st.booleans()),
        spacing=spacing,
        image_order=draw(st.sampled_from([0, 1, 3])),
        output_order=draw(st.sampled_from([0, 1])),
        anisotropy_threshold=draw(st.sampled_from([None, 3.0])),
        normalization=(rule,) * channels,
        transpose=draw(st.permutations([0, 1, 2]).map(tuple)),
        alignment="centres" if centres else "edges",
        normalize_resampled=draw(st.booleans()),
        crop_foreground=centres and draw(st.booleans()),
        photograph_pixels=500 if dimension == 2 and draw(st.booleans()) else None,
    )
    inference = InferenceContract(
        patch=(1 if dimension == 2 else 24, 16, 32),
        overlap=draw(st.floats(0, 0.9)),
        mirror_axes=draw(st.sampled_from([(), (1, 2), (2,)])),
        activation="sigmoid" if sigmoid else "softmax",
        output_values=values,
        background_below=draw(st.sampled_from([None, -1.5])),
        tiling=draw(st.sampled_from(["even", "stepped"])),
        weighting=draw(st.sampled_from(["gaussian", "flat"])),
        restored=draw(st.sampled_from(["logits", "labels"])),
        padding=draw(st.sampled_from(["zeros", "reflect"])),
        dark_margin=draw(st.sampled_from([None, 0.2])) if dimension == 2 else None,
    )
    card = ModelCard(
        name="drawn",
        version=draw(st.sampled_from(["1", "2.0"])),
        title="Drawn",
        description=draw(st.text(st.characters(categories=["L", "N", "Zs"]), max_size=20)),
        anatomy="somewhere",
        modality="CT",
        inputs=tuple(InputChannel(f"channel {n}", "CT", "words") for n in range(channels)),
        labels=tuple(Label(v, f"thing {v}", (v % 256, 2, 3), terminology(f"thing {v}")) for v in labels),
        network=OpaqueNetwork(dimension, channels, len(values), (8,) * dimension, False, "onnx"),
        preparation=preparation,
        inference=inference,
        postprocessing=draw(st.sampled_from([(), (PostprocessingStep("minimum-size", (labels[0],), False, 4.0),)])),
        field_of_view_mm=draw(st.sampled_from([None, (40.0, 50.0, 60.0)])),
        licence="CC-BY-4.0",
        accuracy=draw(st.sampled_from([(), (Accuracy("thing", "held out", 3, 0.9),)])),
        weights=("weights.onnx",),
    )
    check_card(card)
    return card


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cards())
def test_any_card(card: ModelCard) -> None:
    same(card, again(card))


def test_patch_and_divisor_are_those_of_the_file() -> None:
    card = load_model("hippocampus-t1").card
    contract = contract_of(card, "fixed", (48, 64, 32), None)
    written = card_of(read_contract(contract_text(contract), "here"), "onnx", "here")
    assert written.inference == replace(card.inference, patch=(48, 64, 32))
    assert written.network == OpaqueNetwork(3, 1, 3, (1, 1, 1), True, "onnx")


def test_an_unusual_order_of_axes_is_told_in_letters() -> None:
    card = load_model("retinal-vessels").card
    sideways = replace(card, preparation=replace(card.preparation, transpose=(2, 0, 1)))
    contract = contract_of(sideways, "sideways", card.inference.patch, None)
    assert contract.axes == "xzy"
    assert contract_of(card, "plain", card.inference.patch, None).axes == "yx"
