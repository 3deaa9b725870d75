"""Which weights a training takes over from a model with other labels."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import ModelCard, load_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.monai.configs import BasicUNetConfig
from UNetSegmentLib.training.loop.export import export_model
from UNetSegmentLib.training.loop.state import start_state
from UNetSegmentLib.training.loop.transfer import answer_axes, common_channels
from UNetSegmentLib.training.planning.finetuning import base_card


def relabelled(card: ModelCard, *names: str, activation: str = "softmax") -> ModelCard:
    labels = tuple(Label(value, name) for value, name in enumerate(names, 1))
    values = tuple(label.value for label in labels)
    values = (0, *values) if activation == "softmax" else values
    return dataclasses.replace(
        card,
        labels=labels,
        network=dataclasses.replace(card.network, out_channels=len(values)),
        inference=dataclasses.replace(card.inference, output_values=values, activation=activation),
    )


def begin(make_config, card: ModelCard, package) -> dict[str, torch.Tensor]:
    config = make_config(card=card, start_from=str(package))
    return start_state(config, torch.Generator(), torch.device("cpu"), False).network.state_dict()


@pytest.mark.parametrize("names", [("core", "lesion", "shell"), ("vessel", "nerve"), ("nerve", "core"), ("CORE ",)])
def test_the_body_is_kept_and_channels_follow_the_names(make_config, card, tmp_path, names):
    package = export_model(card, build(card.network), tmp_path / "package")
    old = load_model(package).network().state_dict()
    begun = begin(make_config, relabelled(card, *names), package)
    fresh = start_state(
        make_config(card=relabelled(card, *names)), torch.Generator(), torch.device("cpu"), False
    ).network.state_dict()
    head = {"heads.0.weight", "heads.0.bias"}
    assert all(torch.equal(value, old[name]) for name, value in begun.items() if name not in head)
    theirs = {"shell": 1, "core": 2}
    known = [name.strip().lower() for name in names]
    for name in head:
        for channel, label in enumerate(known, 1):
            expected = old[name][theirs[label]] if label in theirs else fresh[name][channel]
            assert torch.equal(begun[name][channel], expected)
        assert torch.equal(begun[name][0], old[name][0] if set(known) & set(theirs) else fresh[name][0])


def test_regions_and_exclusive_labels_have_nothing_in_common(card):
    assert common_channels(relabelled(card, "core", activation="sigmoid"), card) == []
    ours, theirs = (relabelled(card, *names, activation="sigmoid") for names in (("a", "b"), ("b", "c")))
    assert common_channels(ours, theirs) == [(1, 0)]


def test_the_answer_of_any_architecture_is_found(card):
    assert answer_axes(card.network) == {"heads.0.weight": (0,), "heads.0.bias": (0,)}
    foreign = BasicUNetConfig(dimension=3, in_channels=1, out_channels=2, features=(4, 4, 8, 8, 8, 4))
    axes = answer_axes(foreign)
    assert axes and all(found == (0,) for found in axes.values())
    assert all(tensor.shape[0] == 2 for name, tensor in build(foreign).state_dict().items() if name in axes)


def test_another_architecture_is_refused(make_config, card, tmp_path):
    package = export_model(card, build(card.network), tmp_path / "package")
    wider = dataclasses.replace(card, network=dataclasses.replace(card.network, features=(4, 10)))
    with pytest.raises(InputError, match="another architecture"):
        begin(make_config, wider, package)


def test_channels_and_dimension_must_fit(card, tmp_path):
    package = export_model(card, build(card.network), tmp_path / "package")
    assert base_card(package, 1).name == card.name
    with pytest.raises(ModelError, match="takes 1 channels, the data set has 3"):
        base_card(package, 3)
    with pytest.raises(ModelError, match="3D network, and the data set holds 2D images"):
        base_card(package, 1, flat=True)
