"""A U-Net++ cut at a shallower exit: every column of its nodes was trained to answer, so later ones can go.

Zhou et al. 2018, arXiv:1807.10165: nothing is trained here, the weights that stay are the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, ModelError
from ...inference.settings import EngineSettings
from ...models import Model, load_model, save_model
from ...models.card import ModelCard
from ...networks import build, cost
from ...networks.config import NetworkConfig
from ...networks.parts.nested import pruned
from ...progress import CancelToken, ProgressCallback
from ...training.planning.configuration import FOLDS
from ..cases import find_cases
from ..checking import check_licence, check_output, check_own_network
from ..held_out import HeldOut, held_out_cases, measure_held_out
from ..measuring import Measured
from ..result import Compressed, weight_bytes
from ..timing import tile_seconds
from .card import KIND, bare_card, check_not_pruned, pruned_card


@dataclass(frozen=True)
class ExitRecipe:
    """Which exit of a U-Net++, and how much it may lose.

    Args:
        depth: column after which the network ends, 1 up to one less than it has; None takes the shallowest that loses
            no more than ``max_loss``.
        fold: of the data set; its held-out cases measure the result. None measures on all cases (of a model of as
            many networks as the data set has folds: each network on its own fold's).
        max_loss: mean Dice (0 to 1) that may be lost.
        unreached: write the exit ``depth`` whatever it loses.
        most_measured: cases (of each fold) that are measured at most, spread over all; 0 takes all.
        again: cut a model that was pruned before.
    """

    depth: int | None = None
    fold: int | None = None
    max_loss: float = 0.005
    unreached: bool = False
    most_measured: int = 0
    again: bool = False


def cut_at_exit(
    source: str | Path,
    output: str | Path,
    cases: str | Path,
    recipe: ExitRecipe | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    force: bool = False,
) -> Compressed:
    """Cuts every network of a U-Net++ at the same exit, the shallowest that is good enough.

    Args:
        source: name or path of the package.
        output: folder of the new package, whole or not there.
        cases: a data set with labels, in any layout that ``train`` reads.
        force: replace a package at ``output``.

    Raises:
        ModelError: no U-Net++, or one that was saved without the heads of its exits; a licence that forbids it; or no
            exit is good enough, with what each of them gives.
        InputError: the cases have no labels or cannot be split.
        OutputError: ``output`` is taken or cannot be written.
        Cancelled: the token was set.
    """
    recipe, output = recipe or ExitRecipe(), Path(output)
    model = load_model(source)
    check_licence(model.card)
    check_own_network(model.card, KIND)
    check_not_pruned(model.card, recipe.again)
    depths = _depths(model, recipe)
    check_output(output, model.folder, force)
    held_out = _measured_cases(model, cases, recipe)
    settings = EngineSettings(backend="torch")
    before = measure_held_out(model, held_out, settings, progress, cancel, "measure the source")
    told: list[str] = []
    for depth in depths:
        cut = _cut(model, depth)
        after = measure_held_out(cut, held_out, settings, progress, cancel, f"measure exit {depth}")
        left = _work(cut.card) / _work(model.card)
        told.append(
            f"Exit {depth}: {left:.1%} of the operations, mean Dice {after.mean:.4f} ({before.mean:.4f} whole)."
        )
        if before.mean - after.mean <= recipe.max_loss or (recipe.depth is not None and recipe.unreached):
            return _saved(model, cut, output, held_out, before, after, depth, told)
    raise ModelError(
        f"No exit of '{model.card.name}' loses {recipe.max_loss:.4f} of mean Dice or less. {' '.join(told)} No package "
        "was written.",
        "Allow a larger loss, or name the exit and take it as it is (--unreached).",
    )


def _depths(model: Model, recipe: ExitRecipe) -> list[int]:
    """Exits to try, the shallowest first; all of them are there."""
    config = model.card.network
    if not isinstance(config, NetworkConfig) or config.decoder != "nested":
        raise ModelError(
            f"'{model.card.name}' is no U-Net++ and has no exits.", "Remove channels of it instead (--prune SHARE)."
        )
    full = config.stages - 1
    if recipe.depth is not None and not 1 <= recipe.depth < full:
        raise InputError(
            f"The network ends after {full} columns; it cannot be cut after {recipe.depth}.",
            f"Choose 1 to {full - 1}." if full > 1 else "It has no earlier exit.",
        )
    depths = list(range(1, full)) if recipe.depth is None else [recipe.depth]
    if not depths:
        raise ModelError(f"'{model.card.name}' has one exit only.", "Train a U-Net++ of more stages.")
    for depth in depths:
        pruned(config, model.network().state_dict(), depth)
    return depths


def _measured_cases(model: Model, cases: str | Path, recipe: ExitRecipe) -> Sequence[HeldOut]:
    found = find_cases(cases, model.card)
    data = found[0].data
    if data is None:
        raise InputError(
            f"'{cases}' holds images without labels; which exit is good enough is measured on labels.",
            "Give a data set with label maps.",
        )
    if model.folds == 1 and recipe.fold is None:
        step = -(-len(found) // recipe.most_measured) if recipe.most_measured else 1
        return (HeldOut(0, None, tuple(found)[::step]),)
    return held_out_cases(model, data.with_folds(FOLDS), found, recipe.fold, recipe.most_measured)


def _cut(model: Model, depth: int) -> Model:
    config = model.card.network
    assert isinstance(config, NetworkConfig)
    networks = []
    for fold in range(model.folds):
        smaller, state = pruned(config, model.network(fold).state_dict(), depth)
        network = build(smaller)
        network.load_state_dict(state)
        networks.append(network)
    return Model.in_memory(bare_card(model.card, smaller), networks)


def _work(card: ModelCard) -> int:
    return cost(card.network, card.inference.patch).flops


def _saved(
    model: Model,
    cut: Model,
    output: Path,
    held_out: Sequence[HeldOut],
    before: Measured,
    after: Measured,
    depth: int,
    told: Sequence[str],
) -> Compressed:
    states = [cut.network(fold).state_dict() for fold in range(cut.folds)]
    numbers = {"exit": float(depth), "operations": round(_work(cut.card) / _work(model.card), 4)}
    card = pruned_card(model, cut.card.network, held_out, before, after, numbers, f"cut at exit {depth}")
    package = save_model(card, states, output)
    notes = (*told, *(["The smaller forms of the source were left behind."] if model.card.forms else []))
    seconds = tile_seconds(model, cut)
    sizes = weight_bytes(model), weight_bytes(load_model(package))
    return Compressed(package, KIND, before, after, *sizes, notes, *seconds)
