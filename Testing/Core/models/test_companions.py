"""A model of several networks: packages inside a package, in a folder and in a zip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import Companion, ModelCard, load_model, save_model, zip_model
from UNetSegmentLib.networks import build


@pytest.fixture
def pair(card: ModelCard, tmp_path: Path) -> Path:
    """A package with one part inside; both of the same network."""
    part = save_model(replace(card, name="back"), [build(card.network).state_dict()], tmp_path / "back")
    whole = replace(card, companions=(Companion("back", "part"),))
    return save_model(whole, [build(card.network).state_dict()], tmp_path / "whole", [part])


@pytest.mark.parametrize("zipped", [False, True])
def test_parts_load_with_the_model(pair: Path, tmp_path: Path, zipped: bool) -> None:
    path = zip_model(pair, tmp_path / "whole.zip") if zipped else pair
    model = load_model(path)
    assert [part.card.name for part in model.parts] == ["back"]
    assert model.previous is None
    state = model.parts[0].network().state_dict()
    assert state.keys() == model.network().state_dict().keys()


def test_an_altered_part_is_noticed(pair: Path) -> None:
    text = (pair / "back" / "model.json").read_text(encoding="utf-8")
    (pair / "back" / "model.json").write_text(text.replace('"back"', '"bock"'), encoding="utf-8")
    with pytest.raises(ModelError, match=r"back/model\.json .*altered"):
        load_model(pair)


def test_altered_weights_of_a_part_are_noticed(pair: Path) -> None:
    weights = pair / "back" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ModelError, match="altered"):
        load_model(pair)


def test_a_missing_part_is_named(pair: Path) -> None:
    (pair / "back" / "model.json").unlink()
    with pytest.raises(ModelError, match=r"lacks the file back/model\.json"):
        load_model(pair)


def test_saving_again_replaces_the_parts_too(card: ModelCard, pair: Path) -> None:
    save_model(card, [build(card.network).state_dict()], pair)
    assert not (pair / "back").exists()
    assert load_model(pair).parts == ()


def test_two_parts_cannot_share_a_folder(card: ModelCard, tmp_path: Path) -> None:
    broken = replace(card, companions=(Companion("back", "part"),) * 2)
    with pytest.raises(ModelError, match="listed once"):
        save_model(broken, [build(card.network).state_dict()], tmp_path / "whole")
