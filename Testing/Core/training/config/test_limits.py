"""Configurations that ask for too much, by accident or on purpose: a sentence at once, and no memory taken."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import layout_cases as make
import pytest
import torch

from UNetSegmentLib.errors import InputError, ResourceError, UNetSegmentError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.training import SamplingConfig, TrainingConfig
from UNetSegmentLib.training.config.codec import config_from_text, config_to_text
from UNetSegmentLib.training.layouts import open_layout
from UNetSegmentLib.training.loop.sampling import PatchSampler
from UNetSegmentLib.training.planning.card import outputs_of
from UNetSegmentLib.training.planning.fingerprint import take_fingerprint

Make = Callable[..., TrainingConfig]


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("steps", 10**18),
        ("batch", 2**62),
        ("minutes", -1),
        ("minutes", 1e300),
        ("seed", 2**70),
        ("threads", -3),
        ("optimizer.momentum", 1.5),
        ("optimizer.clip", -1),
        ("schedule.warmup", -5),
        ("loss.cldice_iterations", 10**9),
        ("loss.ignore_label", 10**9),
        ("augmentation.cutout_boxes", 10**9),
        ("augmentation.elastic_spacing", 0),
        ("augmentation.rotation_degrees", 1e308),
        ("augmentation.noise_range", [0, 1e300]),
        ("augmentation.scaling_range", [0, 0]),
        ("schedule.power", 10**400),
    ],
)
def test_entries_that_are_out_of_all_bounds(make_config: Make, entry: str, value: object) -> None:
    plan = json.loads(config_to_text(make_config()))
    *above, name = entry.split(".")
    part = plan
    for key in above:
        part = part[key]
    part[name] = value
    with pytest.raises(InputError) as caught:
        config_from_text(json.dumps(plan))
    assert name in caught.value.cause or "too large" in caught.value.cause
    assert caught.value.cure and len(caught.value.cause) < 200


@pytest.mark.parametrize("text", ["[" * 100_000, '{"steps": NaN}', '{"steps": 1, "steps": 2}', ""])
def test_text_that_is_no_plan(text: str) -> None:
    with pytest.raises(InputError):
        config_from_text(text)


def test_a_plan_with_a_byte_order_mark(make_config: Make) -> None:
    config = make_config()
    assert config_from_text("\ufeff" + config_to_text(config)) == config


def test_padding_is_read_by_its_earlier_name(make_config: Make) -> None:
    config = make_config(sampling=SamplingConfig(padding={"reflect": 0.25, "noise": 0.75}))
    plan = json.loads(config_to_text(config))
    plan["sampling"]["surroundings"] = plan["sampling"].pop("padding")
    assert config_from_text(json.dumps(plan)) == config


def test_padding_under_both_names_is_refused(make_config: Make) -> None:
    plan = json.loads(config_to_text(make_config()))
    plan["sampling"]["surroundings"] = {"noise": 1.0}
    with pytest.raises(InputError, match="surroundings"):
        config_from_text(json.dumps(plan))


@pytest.mark.parametrize("sampling", [7, [], None, "surroundings", {"surroundings": 3}, {"surroundings": {"sky": 1}}])
def test_sampling_that_is_none_is_a_sentence(make_config: Make, sampling: object) -> None:
    plan = json.loads(config_to_text(make_config()))
    plan["sampling"] = sampling
    with pytest.raises(InputError):
        config_from_text(json.dumps(plan))


def test_a_path_whose_bytes_are_no_utf8_comes_back(make_config: Make) -> None:
    config = make_config(dataset="/data/Kn\udcf6chel")
    text = config_to_text(config)
    text.encode("utf-8")
    assert config_from_text(text) == config


def test_a_batch_that_no_memory_holds(make_config: Make) -> None:
    card = make_config().card
    card = dataclasses.replace(card, inference=dataclasses.replace(card.inference, patch=(10**5, 10**5, 10**5)))
    try:
        config = make_config(card=card)
        with pytest.raises(ResourceError, match=r"100000 x 100000 x 100000 voxels would take .* are free"):
            PatchSampler([], config, torch.device("cpu"), 0)
    except UNetSegmentError as error:
        # The card's own check may be the first to refuse it.
        assert "patch" in error.cause


def test_more_labels_than_a_model_learns(make_config: Make) -> None:
    card, count = make_config().card, 300
    card = dataclasses.replace(
        card,
        labels=tuple(Label(n, f"L{n}") for n in range(1, count + 1)),
        network=dataclasses.replace(card.network, out_channels=count + 1),
        inference=dataclasses.replace(card.inference, output_values=tuple(range(count + 1))),
    )
    with pytest.raises(InputError, match="a table of 300"):
        make_config(card=card)


def test_a_plan_with_a_hundred_thousand_labels(make_config: Make) -> None:
    """Refused by their number, before any of them is looked at."""
    plan = json.loads(config_to_text(make_config()))
    plan["card"]["labels"] = [{"no": "label"}] * 100_000
    with pytest.raises(InputError, match="a table of 100000"):
        config_from_text(json.dumps(plan))


def test_a_hundred_thousand_names_for_two_labels(tmp_path: Path) -> None:
    """Names in a table cost nothing; what counts is what the label maps hold."""
    make.decathlon(tmp_path, 2)
    table = json.loads((tmp_path / "dataset.json").read_text())
    table["labels"] = {str(n): f"label {n}" for n in range(100_000)}
    (tmp_path / "dataset.json").write_text(json.dumps(table))
    data = open_layout(tmp_path)
    outputs, notes = outputs_of(data, take_fingerprint(data))
    assert [label.name for label in outputs.labels] == ["label 1", "label 2"]
    assert len(notes) == 1 and notes[0].endswith("or 99992 more, so the model leaves them out.")
