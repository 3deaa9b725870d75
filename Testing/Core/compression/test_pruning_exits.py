"""A U-Net++ cut at an earlier exit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from UNetSegmentLib.compression.pruning import ExitRecipe, cut_at_exit
from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.models import load_model, save_model
from UNetSegmentLib.networks import build, cost
from UNetSegmentLib.training.loop.export import export_model
from UNetSegmentLib.training.loop.transfer import transfer_weights


def nested_package(source: Path, folder: Path, answers: tuple[float, ...]) -> Path:
    """The levels' network as a U-Net++: exit ``n`` multiplies the intensity by the n-th number before it is rounded.

    Args:
        answers: one number for each exit, the shallowest first; 1 is the right one.
    """
    card = load_model(source).card
    stages = len(answers) + 1
    network = replace(
        card.network,
        features=(4, 8, 8, 8)[:stages],
        kernels=((3, 3, 3),) * stages,
        strides=((1, 1, 1), *((2, 2, 2),) * (stages - 1)),
        encoder_convs=(1,) * stages,
        decoder_convs=(1,) * (stages - 1),
        decoder="nested",
        deep_supervision=True,
    )
    state = {name: value.zero_() for name, value in build(network).state_dict().items()}
    state["encoder.stages.0.0.conv.weight"][0, 0, 1, 1, 1] = 1
    for column, factor in enumerate(answers, start=1):
        # A node joins its row from the first one on, which is the encoder's map.
        state[f"decoder.nodes.0-{column}.0.conv.weight"][0, 0, 1, 1, 1] = factor
        head = f"heads.{len(answers) - column}"
        for c in range(3):
            state[f"{head}.weight"][c, 0] = 2 * c
            state[f"{head}.bias"][c] = -c * c
    return save_model(replace(card, network=network), [state], folder)


def test_the_shallowest_exit_that_is_good_enough_is_taken(level_package, level_cases, tmp_path):
    package = nested_package(level_package, tmp_path / "levels", (0.0, 1.0, 1.0))
    result = cut_at_exit(package, tmp_path / "out", level_cases)
    card = load_model(result.package).card
    assert card.network.stages == 3 and not card.network.deep_supervision
    assert (card.derived[0].kind, card.derived[0].numbers["exit"]) == ("pruned", 2.0)
    assert result.loss == 0 and len(result.after.cases) == 6 and result.bytes_after < result.bytes_before
    assert [note[:7] for note in result.notes] == ["Exit 1:", "Exit 2:"]
    full, left = (cost(c.network, c.inference.patch).flops for c in (load_model(package).card, card))
    assert card.derived[0].numbers["operations"] == pytest.approx(left / full, abs=1e-4) and left < full
    on_a_fold = cut_at_exit(package, tmp_path / "fold", level_cases, ExitRecipe(fold=0, most_measured=1))
    assert len(on_a_fold.after.cases) == 1
    assert load_model(on_a_fold.package).card.accuracy[0].split == "fold 0, held out"


def test_an_exit_that_loses_too_much_is_taken_only_when_told(level_package, level_cases, tmp_path):
    package = nested_package(level_package, tmp_path / "levels", (0.0, 1.0))
    with pytest.raises(ModelError, match=r"Exit 1: .* No package was written"):
        cut_at_exit(package, tmp_path / "out", level_cases)
    assert not (tmp_path / "out").exists()
    result = cut_at_exit(package, tmp_path / "out", level_cases, ExitRecipe(depth=1, unreached=True))
    assert result.loss > 0.5 and load_model(result.package).card.network.stages == 2


def test_what_has_no_exits_is_refused_in_words(level_package, level_cases, tmp_path):
    with pytest.raises(ModelError, match="no U-Net") as caught:
        cut_at_exit(level_package, tmp_path / "out", level_cases)
    assert "--prune" in caught.value.cure
    whole = nested_package(level_package, tmp_path / "levels", (1.0, 1.0))
    with pytest.raises(InputError, match="cannot be cut after 2"):
        cut_at_exit(whole, tmp_path / "out", level_cases, ExitRecipe(depth=2))
    model = load_model(whole)
    state = {n: v for n, v in model.network().state_dict().items() if not n.startswith("heads.1")}
    card = replace(model.card, network=replace(model.card.network, deep_supervision=False))
    headless = save_model(card, [state], tmp_path / "headless")
    with pytest.raises(ModelError, match="saved without deep supervision"):
        cut_at_exit(headless, tmp_path / "out", level_cases)
    with pytest.raises(InputError, match="without labels"):
        cut_at_exit(whole, tmp_path / "out", level_cases / "images")


def test_a_trained_unet_plus_plus_keeps_its_exits(level_package, tmp_path):
    """Other networks leave the heads of deep supervision behind."""
    card = load_model(nested_package(level_package, tmp_path / "levels", (1.0, 1.0))).card
    network = build(card.network)
    saved = load_model(export_model(card, network, tmp_path / "kept"))
    assert saved.card.network.deep_supervision and saved.card.network.decoder == "nested"
    own = saved.network().state_dict()
    assert all(torch.equal(own[name], value) for name, value in network.state_dict().items())
    further = build(replace(card.network, deep_supervision=False))
    transfer_weights(further, replace(card, network=further.config), str(tmp_path / "kept"))
    assert all(torch.equal(own[name], value) for name, value in further.state_dict().items())
    plain = replace(card.network, decoder="unet")
    left = load_model(export_model(replace(card, network=plain), build(plain), tmp_path / "left"))
    assert not left.card.network.deep_supervision
