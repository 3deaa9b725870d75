"""The card as JSON: nothing lost on the way, and every wrong field named."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import (
    FORMAT_VERSION,
    ModelCard,
    card_from_json,
    card_to_json,
    check_card,
    config_from_dict,
    config_to_dict,
)
from UNetSegmentLib.models.serialization import card_from_text, card_to_text

DIGEST = "ab" * 32
# A field to set (path of keys), a wrong value, and what the message must name.
WRONG = [
    (("name",), "../evil", "name"),
    (("title",), "", "title"),
    (("inputs",), [], "inputs"),
    (("inputs",), {"name": "T1"}, "inputs"),
    (("inputs", 0, "modality"), 3, "inputs[0].modality"),
    (("labels",), [], "labels"),
    (("labels", 0, "value"), 0, "labels[0].value"),
    (("labels", 0, "value"), 4, "labels[0].value"),
    (("labels", 0, "value"), True, "labels[0].value"),
    (("labels", 0, "value"), 1.0, "labels[0].value"),
    (("labels", 1, "name"), "front", "name"),
    (("labels", 0, "color"), [0, 0, 256], "labels[0].color"),
    (("labels", 0, "color"), [0, 0], "labels[0].color"),
    (("labels", 0, "terminology", "type"), None, "labels[0].terminology.type"),
    (("network", "in_channels"), 2, "2 (network.in_channels)"),
    (("network", "out_channels"), 4, "inference.output_values"),
    (("network", "kernels"), [[3, 3, 3]], "kernels"),
    (("network", "kernels"), [[3, 3, 3], [2, 3, 3]], "kernels"),
    (("network", "dimension"), 4, "dimension"),
    (("preparation", "normalization"), [], "preparation.normalization"),
    (("preparation", "normalization", 0, "kind"), "z-score", "preparation.normalization[0].kind"),
    (("preparation", "normalization", 0, "std"), 0, "preparation.normalization[0].std"),
    (("preparation", "normalization", 0, "lower"), 90, "preparation.normalization[0].upper"),
    (("preparation", "normalization", 0), {"kind": "percentile", "lower": 1}, "normalization[0].upper"),
    (("preparation", "normalization", 0), {"kind": "percentile", "lower": 1, "upper": 101}, "normalization[0]"),
    (("preparation", "orientation"), "LLS", "preparation.orientation"),
    (("preparation", "orientation"), "LP", "preparation.orientation"),
    (("preparation", "spacing"), [2.0, 0.0, 1.0], "preparation.spacing"),
    (("preparation", "spacing"), [None, 1.0, 1.0], "preparation.spacing"),
    (("preparation", "image_order"), 2, "preparation.image_order"),
    (("preparation", "anisotropy_threshold"), 0.5, "preparation.anisotropy_threshold"),
    (("inference", "patch"), [0, 16, 16], "inference.patch"),
    (("inference", "patch"), [16, 16], "inference.patch"),
    (("inference", "overlap"), 1.0, "inference.overlap"),
    (("inference", "overlap"), "half", "inference.overlap"),
    (("inference", "mirror_axes"), [1, 1], "inference.mirror_axes"),
    (("inference", "mirror_axes"), [3], "inference.mirror_axes"),
    (("inference", "activation"), "relu", "inference.activation"),
    (("inference", "output_values"), [1, 0, 4], "inference.output_values"),
    (("inference", "output_values"), [0, 1, 5], "inference.output_values"),
    (("inference", "output_values"), [0, 1, 1], "inference.output_values"),
    (("postprocessing", 0, "kind"), "erode", "postprocessing[0].kind"),
    (("postprocessing", 0, "values"), [2], "postprocessing[0].values"),
    (("postprocessing", 0, "size_mm3"), None, "postprocessing[0].size_mm3"),
    (("field_of_view_mm",), [64, 64, -1], "field_of_view_mm"),
    (("accuracy", 0, "dice"), 90, "accuracy[0].dice"),
    (("accuracy", 0, "pixels", "auc"), 98, "accuracy[0].pixels.auc"),
    (("weights",), [], "weights"),
    (("weights",), ["../weights.safetensors"], "weights[0]"),
    (("weights",), ["weights.pth"], "weights[0]"),
    (("weights",), ["other.safetensors"], "digests"),
    (("digests",), {"weights.safetensors": "ab"}, "digests.weights.safetensors"),
    (("digests",), {"weights.safetensors": DIGEST, "../x": DIGEST}, "digests"),
    (("colour",), 1, "colour"),
    (("network", "feature"), 1, "did you mean"),
]


@pytest.fixture
def data(card: ModelCard) -> dict:
    return card_to_json(replace(card, digests={"weights.safetensors": DIGEST}))


def test_the_text_of_a_card_reads_back_equal(card: ModelCard) -> None:
    card = replace(card, digests={"weights.safetensors": DIGEST})
    text = card_to_text(card)
    assert card_from_text(text) == card
    assert "für" in text
    assert '"patch": [8, 16, 16]' in text  # short lists stay on one line


@pytest.mark.parametrize(("path", "value", "named"), WRONG, ids=lambda v: str(v) if isinstance(v, tuple) else None)
def test_a_wrong_field_is_named(data: dict, path: tuple, value: object, named: str) -> None:
    card_from_json(copy.deepcopy(data))
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ModelError) as caught:
        card_from_json(data)
    assert named in caught.value.cause
    assert caught.value.cure


@pytest.mark.parametrize("field", ["name", "network", "labels", "format_version"])
def test_a_missing_field_is_named(data: dict, field: str) -> None:
    del data[field]
    with pytest.raises(ModelError, match=field):
        card_from_json(data)


def test_a_newer_format_asks_for_an_update_even_with_unknown_fields(data: dict) -> None:
    with pytest.raises(ModelError, match=r"too new.*Update UNetSegment"):
        card_from_json({**data, "format_version": FORMAT_VERSION + 1, "holograms": []})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"format_version": NaN}', '{"name": 1, "name": 2}', b"\xff\xfe\x00"]
)
def test_what_is_no_card_is_refused(text: str | bytes) -> None:
    with pytest.raises(ModelError):
        card_from_text(text)


def test_a_2d_card_keeps_slices_apart(card: ModelCard) -> None:
    flat = replace(
        card,
        network=replace(card.network, dimension=2, kernels=((3, 3), (3, 3)), strides=((1, 1), (2, 2))),
        preparation=replace(card.preparation, spacing=(None, 1.0, 1.0)),
        inference=replace(card.inference, patch=(1, 16, 16)),
    )
    check_card(flat)
    for part in (
        {"preparation": replace(flat.preparation, spacing=(3.0, 1.0, 1.0))},
        {"inference": replace(flat.inference, patch=(8, 16, 16))},
        {"inference": replace(flat.inference, mirror_axes=(0, 1))},
    ):
        with pytest.raises(ModelError):
            check_card(replace(flat, **part))


def test_regions_have_no_background_channel(card: ModelCard) -> None:
    regions = replace(
        card,
        network=replace(card.network, out_channels=2),
        inference=replace(card.inference, activation="sigmoid", output_values=(1, 4)),
    )
    check_card(regions)
    with pytest.raises(ModelError, match="output_values"):
        check_card(replace(regions, inference=replace(regions.inference, output_values=(0, 1))))


def test_a_network_alone_goes_through_json(card: ModelCard) -> None:
    data = json.loads(json.dumps(config_to_dict(card.network)))
    assert config_from_dict(data) == card.network
    with pytest.raises(ModelError, match=r"network\.features"):
        config_from_dict({**data, "features": 4})


def test_a_card_nested_without_end_is_refused(card: ModelCard) -> None:
    data = card_to_json(card)
    rule: dict = {"kind": "none"}
    for _ in range(5000):
        rule = {"kind": "none", "then": rule}
    data["preparation"]["normalization"] = [rule]
    with pytest.raises(ModelError, match="nested"):
        card_from_json(data)
