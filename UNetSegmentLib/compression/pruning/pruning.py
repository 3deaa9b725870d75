"""From a package to a smaller one: whole channels removed, in steps, with fine-tuning between."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from ...errors import InputError
from ...inference.settings import EngineSettings
from ...io.atomic import atomic_path, output_error
from ...models import Model, load_model, save_model
from ...models.card import ModelCard
from ...models.staging import staging_folder
from ...networks import build
from ...networks.config import NetworkConfig
from ...progress import CancelToken, ProgressCallback, ProgressEvent
from ...training.cases.dataset import open_dataset
from ...training.layouts.dataset import Dataset
from ...training.layouts.naming import numbered_like
from ...training.planning.configuration import FOLDS
from ..cases import find_cases
from ..checking import check_licence, check_output, check_own_network
from ..held_out import HeldOut, held_out_cases, measure_held_out
from ..measuring import Measured
from ..result import Compressed, weight_bytes
from ..timing import tile_seconds
from ..wishes import accept_loss
from .card import KIND, bare_card, check_not_pruned, pruned_card
from .choice import WidthChoice, most_important
from .dependencies import channel_spaces, check_prunable
from .fine_tuning import further_training, measured_scores, training_cases, training_of, tuned
from .importance import Importance, magnitude_scores
from .recipe import PruningRecipe
from .spaces import ChannelSpaces, narrowed
from .work import Work

log = logging.getLogger(__name__)

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class PruningStep:
    """What one step did.

    Args:
        flops: operations for one patch after it.
        config: the network after it.
        dice: mean Dice of the held-out cases while training, for each network; None without fine-tuning. A network
            sees whole prepared images there, so the numbers differ a little from those of the engine.
    """

    flops: int
    config: NetworkConfig
    dice: tuple[float | None, ...]


def prune(
    source: str | Path,
    output: str | Path,
    cases: str | Path,
    recipe: PruningRecipe | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    work: str | Path | None = None,
    force: bool = False,
) -> Compressed:
    """Removes channels of a model until its networks do the wanted share of operations less.

    The result is an ordinary package. Its networks keep the same widths as one another, each the channels that matter
    most in it.

    Args:
        source: name or path of the package. Of a package with smaller forms the full weights are pruned, and the forms
            are left behind.
        output: folder of the new package, whole or not there.
        cases: a data set with labels, in any layout that ``train`` reads.
        recipe: see there.
        work: folder for what is made on the way; with it, a run that was cut off goes on. None uses one beside
            ``output`` and removes it.
        force: replace a package at ``output``.

    Raises:
        ModelError: a network that cannot be pruned, or a licence that forbids it; or the model lost more than it may,
            with what was reached.
        InputError: the cases have no labels or cannot be split; or the share cannot be reached.
        OutputError: ``output`` is taken or cannot be written.
        Cancelled: the token was set.
    """
    recipe, output = recipe or PruningRecipe(), Path(output)
    model = load_model(source)
    check_source(model, recipe.again)
    check_output(output, model.folder, force)
    found = find_cases(cases, model.card)
    if any(case.data is None for case in found):
        raise InputError(
            f"'{cases}' holds images without labels; pruning trains the network further and needs labels.",
            "Give a data set with label maps.",
        )
    data = numbered_like(open_dataset(cases, folds=FOLDS), model.card.labels)
    held_out = held_out_cases(model, data, found, recipe.fold, recipe.most_measured)
    with _workplace(output, work, recipe) as folder:
        return _Pruning(model, str(source), output, str(cases), data, held_out, recipe, folder, progress, cancel).run()


def check_source(model: Model, again: bool) -> None:
    """Refuses what cannot or must not be pruned.

    Raises:
        ModelError: saying why.
    """
    card = model.card
    check_licence(card)
    check_own_network(card, KIND)
    check_prunable(card.network)
    check_not_pruned(card, again)


@contextlib.contextmanager
def _workplace(output: Path, work: str | Path | None, recipe: PruningRecipe) -> Iterator[Path]:
    """Where the networks and trainings on the way lie."""
    if work is None:
        try:
            with staging_folder(output.absolute().parent) as folder:
                yield folder
        except OSError as error:
            raise output_error(output, error) from error
        return
    folder = Path(work)
    note, told = folder / "recipe.txt", f"{recipe}\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = note.read_text(encoding="utf-8", errors="replace") if note.exists() else told
        with atomic_path(note) as temporary:
            temporary.write_text(before, encoding="utf-8")
    except OSError as error:
        raise output_error(folder, error) from error
    if before != told:
        raise InputError(
            f"The folder '{folder}' holds a pruning with another recipe.", "Go on with that one, or choose another."
        )
    yield folder


class _Pruning:
    """One run: the networks as they are by now, and what was done."""

    def __init__(
        self,
        model: Model,
        source: str,
        output: Path,
        cases: str,
        data: Dataset,
        held_out: Sequence[HeldOut],
        recipe: PruningRecipe,
        folder: Path,
        progress: ProgressCallback | None,
        cancel: CancelToken | None,
    ) -> None:
        self.model, self.output, self.cases, self.data = model, output, cases, data
        self.held_out, self.recipe, self.folder = held_out, recipe, folder
        self.progress, self.cancel = progress, cancel
        assert isinstance(model.card.network, NetworkConfig)
        self.base, note = training_of(model, source, data, recipe, progress, cancel)
        self.notes = [note]
        self.steps: list[PruningStep] = []
        # Heads of deep supervision are for training from the start.
        self.config = replace(model.card.network, deep_supervision=False)
        self.states: list[State] = [
            {name: value for name, value in model.network(n).state_dict().items() if not _further_head(name)}
            for n in range(model.folds)
        ]

    def run(self) -> Compressed:
        patch, recipe = self.model.card.inference.patch, self.recipe
        spaces = channel_spaces(self.config)
        full = Work(self.config, spaces, patch).full
        settings = EngineSettings(backend="torch")
        before = measure_held_out(self.model, self.held_out, settings, self.progress, self.cancel, "measure the source")
        parameters = _parameters(self.states)
        for one in self.held_out:
            save_model(self._card(), [self.states[one.network]], self.folder / f"whole-network{one.network}")
        for step in range(1, recipe.steps + 1):
            self._announce(step)
            self._cut(step, int(full * recipe.share_after(step)))
            dice = self._tune(step)
            flops = Work(self.config, channel_spaces(self.config), patch).full
            self.steps.append(PruningStep(flops, self.config, dice))
            self.notes.append(self._told(step, flops / full, dice))
            log.info("%s", self.notes[-1])
        pruned = Model.in_memory(self._card(), [_network(self.config, state) for state in self.states])
        after = measure_held_out(pruned, self.held_out, settings, self.progress, self.cancel, "measure the result")
        self._check_loss(before, after, full)
        package = save_model(self._final_card(before, after, full, parameters), self.states, self.output)
        if self.model.card.forms:
            self.notes.append("The smaller forms of the source were left behind: they are of its weights.")
        seconds = tile_seconds(self.model, pruned)
        sizes = weight_bytes(self.model), weight_bytes(load_model(package))
        return Compressed(package, KIND, before, after, *sizes, tuple(self.notes), *seconds)

    def _cut(self, step: int, flops: int) -> None:
        """Removes channels from all networks, unless an earlier run has."""
        packages = [self.folder / f"step{step}-network{one.network}" for one in self.held_out]
        if all((package / "model.json").is_file() for package in packages):
            models = [load_model(package) for package in packages]
            config = models[0].card.network
            assert isinstance(config, NetworkConfig)
            self.config, self.states = config, [dict(model.network().state_dict()) for model in models]
            return
        patch = self.model.card.inference.patch
        spaces = channel_spaces(self.config)
        scores = [self._scores(spaces, one) for one in self.held_out]
        widths = WidthChoice(spaces, Work(self.config, spaces, patch), scores, self.recipe.multiple).widths(flops)
        cut = [
            narrowed(spaces, self.config, state, most_important(spaces, own, widths), widths)
            for state, own in zip(self.states, scores, strict=True)
        ]
        self.config, self.states = cut[0][0], [state for _, state in cut]
        for state, package in zip(self.states, packages, strict=True):
            save_model(self._card(), [state], package)

    def _scores(self, spaces: ChannelSpaces, one: HeldOut) -> Importance:
        assert one.fold is not None
        state = self.states[one.network]
        if self.recipe.importance == "magnitude":
            return magnitude_scores(spaces, state)
        card = self._card()
        config = replace(self.base, card=card, fold=one.fold, start_from=None, pretrained=None, seed=self.recipe.seed)
        cases = training_cases(self.data, one.fold, card, config, self.cancel)
        network = _network(self.config, state)
        return measured_scores(spaces, network, config, cases, self.recipe.batches, self.progress, self.cancel)

    def _tune(self, step: int) -> tuple[float | None, ...]:
        """Trains every network on the cases outside its fold; their held-out Dice there."""
        steps = self.recipe.tuning_after(step)
        if not steps:
            return (None,) * len(self.held_out)
        found = []
        for one in self.held_out:
            assert one.fold is not None, "the cases that are measured must not be trained on"
            package = self.folder / f"step{step}-network{one.network}"
            run = self.folder / f"step{step}-training{one.network}"
            teacher = self.folder / f"whole-network{one.network}"
            config = further_training(
                self.base,
                self._card(),
                self.data,
                self.cases,
                self.recipe,
                one.fold,
                steps,
                package,
                teacher,
                run,
            )
            state, dice = tuned(config, self.progress, self.cancel)
            self.states[one.network] = state
            found.append(dice)
        return tuple(found)

    def _card(self) -> ModelCard:
        """A card for the networks as they are now."""
        return bare_card(self.model.card, self.config)

    def _check_loss(self, before: Measured, after: Measured, full: int) -> None:
        loss = before.mean - after.mean
        if not loss > self.recipe.max_loss:
            return
        reached = self.steps[-1].flops / full
        text = (
            f"With {1 - reached:.0%} of the operations gone, the mean Dice of the {len(after.cases)} held-out cases "
            f"fell from {before.mean:.4f} to {after.mean:.4f}: {loss:.4f} are lost, {self.recipe.max_loss:.4f} may be"
        )
        cure = "Remove less, fine-tune longer or in more steps, allow a larger loss"
        steps = "; ".join(note for note in self.notes if note.startswith("Step "))
        self.notes.append(accept_loss(text, self.recipe.unreached, cure, steps))

    def _final_card(self, before: Measured, after: Measured, full: int, parameters: int) -> ModelCard:
        left = self.steps[-1].flops / full
        numbers = {
            "operations": round(left, 4),
            "parameters": round(_parameters(self.states) / parameters, 4),
            "steps": float(self.recipe.steps),
            "fine_tuning_steps": float(sum(self.recipe.tuning_after(n + 1) for n in range(self.recipe.steps))),
        }
        how = f"channels were removed until {left:.0%} of the operations were left"
        return pruned_card(self.model, self.config, self.held_out, before, after, numbers, how)

    def _announce(self, step: int) -> None:
        if self.cancel is not None:
            self.cancel.raise_if_cancelled()
        if self.progress is not None:
            self.progress(ProgressEvent("prune", step - 1, self.recipe.steps, message=f"step {step}"))

    def _told(self, step: int, left: float, dice: Sequence[float | None]) -> str:
        known = [value for value in dice if value is not None]
        config = self.config
        decoder = config.decoder_features or config.features[:-1]
        text = f"Step {step}: {left:.1%} of the operations, encoder {config.features}, decoder {decoder}"
        return f"{text}, Dice while training {sum(known) / len(known):.4f}" if known else text


def _network(config: NetworkConfig, state: State) -> nn.Module:
    network = build(config)
    network.load_state_dict(dict(state))
    return network.eval()


def _further_head(name: str) -> bool:
    return name.startswith("heads.") and not name.startswith("heads.0.")


def _parameters(states: Sequence[State]) -> int:
    return sum(value.numel() for value in states[0].values())
