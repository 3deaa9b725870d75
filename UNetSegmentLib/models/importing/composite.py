"""Several models that find different things in the same image, as one model with one label table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import ModelError
from ...io.atomic import output_error
from ...labels import Label
from ...networks.config import OpaqueNetwork
from ..card import Companion, ModelCard, TrainingFingerprint
from ..files import FolderFiles
from ..package import load_model, save_model
from ..small_forms import form_file_names
from ..staging import staging_folder
from ..weights import StateDict, read_weights

_PART = "part"


@dataclass(frozen=True)
class About:
    """The words of the model as a whole; what is empty is taken from the first part."""

    name: str
    version: str = ""
    title: str = ""
    description: str = ""
    anatomy: str = ""
    modality: str = ""
    licence: str = ""
    citation: str = ""
    training_data: str = ""
    intended_use: str = ""
    source: str = ""


def combine(
    about: About,
    packages: Sequence[Path],
    labels: Sequence[Label],
    folder: Path,
    values: Sequence[Mapping[int, int]] | None = None,
) -> Path:
    """Writes one package whose further networks are companions in the role ``part``.

    The first package's network is the model's own. Parts are painted in order, each over those before it. Every part's
    outputs become values of the common table; its post-processing goes along.

    Args:
        about: the words of the whole.
        packages: folders of packages without companions, which need the same images.
        labels: the common table.
        folder: where the package goes; its parent must exist.
        values: for each package, its own label values to those of the table; by the labels' names where not given.

    Returns:
        The folder.

    Raises:
        ModelError: a part needs other images, has companions of its own, or has a label that the table has not.
        OutputError: the package cannot be written.
    """
    if not packages:
        raise ModelError("A combined model needs at least one part.", "Give the packages that it is made of.")
    cards = [load_model(path).card for path in packages]
    for card in cards:
        _check(card, cards[0])
    maps = values if values is not None else [_by_name(card, labels) for card in cards]
    for card, mapping in zip(cards, maps, strict=True):
        _check_values(card, mapping, labels)
    renumbered = [_renumbered(card, mapping, labels) for card, mapping in zip(cards, maps, strict=True)]
    words = {key: text for key, text in vars(about).items() if text}
    companions = tuple(Companion(f"{_PART}{n}", _PART) for n in range(2, len(cards) + 1))
    whole = replace(renumbered[0], labels=tuple(labels), companions=companions, accuracy=(), **words)
    try:
        with staging_folder(folder.parent) as staging:
            inner = []
            for listed, card, path in zip(companions, renumbered[1:], packages[1:], strict=True):
                target = staging / listed.folder
                inner.append(save_model(card, _weights(card, path), target, extra=_form_files(card, path)))
            return save_model(whole, _weights(whole, packages[0]), folder, inner, _form_files(whole, packages[0]))
    except OSError as error:
        raise output_error(folder, error) from error


def _check(card: ModelCard, first: ModelCard) -> None:
    if card.companions:
        raise ModelError(
            f"'{card.name}' is made of several networks itself and cannot be a part.", "Give its parts one by one."
        )
    if [channel.modality for channel in card.inputs] != [channel.modality for channel in first.inputs]:
        raise ModelError(
            f"'{card.name}' needs other images than '{first.name}'.", "Parts of one model must take the same images."
        )


def _by_name(card: ModelCard, labels: Sequence[Label]) -> dict[int, int]:
    table = {label.name.casefold(): label.value for label in labels}
    missing = [label.name for label in card.labels if label.name.casefold() not in table]
    if missing:
        raise ModelError(
            f"The common label table has no '{missing[0]}', which '{card.name}' finds.",
            "Add it to the table, or give the values of this part's labels.",
        )
    return {label.value: table[label.name.casefold()] for label in card.labels}


def _check_values(card: ModelCard, mapping: Mapping[int, int], labels: Iterable[Label]) -> None:
    table = {label.value for label in labels}
    for label in card.labels:
        if mapping.get(label.value) not in table:
            raise ModelError(
                f"The label '{label.name}' ({label.value}) of '{card.name}' has no value in the common label table.",
                "Give a value of the table for every label of every part.",
            )
    if len(set(mapping.values())) != len(mapping):
        raise ModelError(f"Two labels of '{card.name}' get the same value.", "Give each label a value of its own.")


def _renumbered(card: ModelCard, mapping: Mapping[int, int], labels: Iterable[Label]) -> ModelCard:
    table = {label.value: label for label in labels}
    outputs = tuple(mapping[value] if value else 0 for value in card.inference.output_values)
    steps = tuple(replace(s, values=tuple(mapping[value] for value in s.values)) for s in card.postprocessing)
    return replace(
        card,
        labels=tuple(table[mapping[label.value]] for label in card.labels),
        inference=replace(card.inference, output_values=outputs),
        postprocessing=steps,
        fingerprint=_renumbered_sizes(card.fingerprint, mapping),
    )


def _renumbered_sizes(known: TrainingFingerprint | None, mapping: Mapping[int, int]) -> TrainingFingerprint | None:
    if known is None:
        return None
    return replace(known, structures=tuple(replace(s, value=mapping[s.value]) for s in known.structures))


def _form_files(card: ModelCard, folder: Path) -> dict[str, bytes | Path]:
    return {name: folder / name for name in form_file_names(card)}


def _weights(card: ModelCard, folder: Path) -> list[StateDict | Path]:
    if isinstance(card.network, OpaqueNetwork):
        return [folder / name for name in card.weights]
    return [read_weights(FolderFiles(folder), name) for name in card.weights]
