"""A model package on the disk: ``model.json`` beside safetensors weights, in a folder or one ``.zip``."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ..errors import ModelError, OutputError
from ..networks.config import OpaqueNetwork
from .card import FORMAT_VERSION, ModelCard
from .files import CARD, MAX_CARD_BYTES, FolderFiles, PackageFiles, read_file, sha256
from .model import Model
from .opening import open_package, read_card
from .registry import find_model
from .serialization import card_from_text, card_to_text
from .small_forms import form_file_names
from .staging import staging_folder
from .validation import WEIGHT_SUFFIXES, check_card
from .weights import PICKLE_SUFFIXES, StateDict, check_fit, refuse_pickle, write_weights

# A cascade's first stage and the parts of a composite are one or two levels down.
_MAX_DEPTH = 4


def load_model(name_or_path: str | Path, verify: bool = True, user_folder: Path | None = None) -> Model:
    """Opens a model package and checks it; its networks load on first use.

    Args:
        name_or_path: the name of a bundled or installed model, or the path of a package's folder or ``.zip``. A bare
            name that is both means the installed model; write ``./name`` for the folder.
        verify: compare every file with its SHA-256 digest (about a second for each 500 MB).
        user_folder: where the user's own models lie, see :func:`~UNetSegmentLib.models.locations.user_model_folder`.

    Raises:
        ModelError: no such model; or its card is broken, at odds with itself or too new; or a file is missing, altered,
            or a pickle.
    """

    card, files = open_package(locate_package(name_or_path, user_folder))
    return _loaded(card, files, verify)


def save_model(
    card: ModelCard,
    weights: Sequence[StateDict | Path],
    folder: str | Path,
    companions: Sequence[Path] = (),
    extra: Mapping[str, bytes | Path] = MappingProxyType({}),
) -> Path:
    """Writes a package; a complete one or none.

    An older package at ``folder`` is replaced; small files beside it that are not its own (notes, training settings)
    are kept. A folder that holds more than that is refused.

    Args:
        card: the card; its ``weights``, ``digests`` and ``format_version`` are filled in here.
        weights: one for each fold: a state dict, or the file of a network that is a program of its own.
        folder: the package's folder; its parent must exist.
        companions: package folders that are copied in, in the order of ``card.companions`` and under those names.
        extra: the files that ``card.forms`` name, by name: what each holds, or a file to copy.

    Returns:
        The folder.

    Raises:
        ModelError: the card contradicts itself, the weights do not fit its network, a companion is not intact, or
            ``extra`` are not the files that the card's forms name.
        OutputError: the folder holds folders or large files of something else, or cannot be written.
    """
    from ..io.atomic import output_error  # here, because io loads SimpleITK, which listing models does not need

    folder = Path(folder)
    card = replace(card, weights=_weight_names(card, len(weights)), digests={}, format_version=FORMAT_VERSION)
    check_card(card)
    _check_extra(card, extra)
    for name, state in zip(card.weights, weights, strict=True):
        if not isinstance(state, Path):
            check_fit(card.network, state, f"The weights for {name}")
    for companion in companions:
        load_model(companion)
    kept = _foreign_to_keep(folder)
    try:
        with staging_folder(folder.parent) as staging:
            new = staging / "package"
            new.mkdir()
            _fill(new, card, weights, companions, extra)
            for item in kept:
                if not (new / item.name).exists():
                    shutil.copy2(item, new / item.name)
            swap_in(new, folder)
    except OSError as error:
        raise output_error(folder, error) from error
    return folder


def _check_extra(card: ModelCard, extra: Mapping[str, bytes | Path]) -> None:
    named = set(form_file_names(card))
    for name in sorted(named ^ set(extra)):
        raise ModelError(
            f"The file {name} of a smaller form of '{card.name}' is missing."
            if name in named
            else f"The file {name} belongs to no form that the card of '{card.name}' names.",
            "Give the files that the card's forms name; other weights need forms of their own, or none.",
        )


def _fill(
    folder: Path,
    card: ModelCard,
    weights: Sequence[StateDict | Path],
    companions: Sequence[Path],
    extra: Mapping[str, bytes | Path],
) -> None:
    """Writes the files of a package, the card with their digests last."""
    for name, state in zip(card.weights, weights, strict=True):
        if isinstance(state, Path):
            shutil.copyfile(state, folder / name)
        else:
            write_weights(state, folder / name)
    for name, content in extra.items():
        if isinstance(content, Path):
            shutil.copyfile(content, folder / name)
        else:
            (folder / name).write_bytes(content)
    for listed, companion in zip(card.companions, companions, strict=True):
        shutil.copytree(companion, folder / listed.folder)
    files = FolderFiles(folder)
    members = [*card.weights, *form_file_names(card), *(f"{listed.folder}/{CARD}" for listed in card.companions)]
    card = replace(card, digests={name: sha256(files, name) for name in members})
    (folder / CARD).write_text(card_to_text(card), encoding="utf-8")


def zip_model(folder: str | Path, path: str | Path) -> Path:
    """Packs a verified package folder into one ``.zip`` (only the card and the files that it names).

    Raises:
        ModelError: the folder is no intact package.
        OutputError: ``path`` cannot be written.
    """
    from ..io.atomic import atomic_path

    card, files = open_package(Path(folder))
    _loaded(card, files, verify=True)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        # Weights hardly compress; storing them keeps loading from the zip as fast as from a folder.
        archive.writestr(f"{card.name}/{CARD}", read_file(files, CARD), zipfile.ZIP_DEFLATED)
        for name in package_members(card, files):
            with files.open(name) as source, archive.open(f"{card.name}/{name}", "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)
    return Path(path)


def _loaded(card: ModelCard, files: PackageFiles, verify: bool, depth: int = 0) -> Model:
    """The checked model with its companions."""
    _check_files(card, files, verify)
    companions = [_loaded(*_companion(files, listed.folder, depth), verify, depth + 1) for listed in card.companions]
    return Model(card, files, companions)


def _companion(files: PackageFiles, folder: str, depth: int) -> tuple[ModelCard, PackageFiles]:
    """The card and files of a package inside another."""
    if depth >= _MAX_DEPTH:
        raise ModelError(
            f"The model '{files.path.name}' has models inside models, more than {_MAX_DEPTH} deep.",
            "Get the model again from its source.",
        )
    inner = files.below(folder)
    return card_from_text(read_file(inner, CARD, MAX_CARD_BYTES)), inner


def package_members(card: ModelCard, files: PackageFiles, depth: int = 0) -> list[str]:
    """Every file of a package but its card, those of companions by their path."""
    members = list(card.digests)
    for listed in card.companions:
        below = package_members(*_companion(files, listed.folder, depth), depth + 1)
        members += [f"{listed.folder}/{name}" for name in below]
    return members


def _check_files(card: ModelCard, files: PackageFiles, verify: bool) -> None:
    for name in card.digests:
        if not files.has(name):
            raise ModelError(
                f"The model '{card.name}' lacks the file {name}.", "Copy or download the model again from its source."
            )
    for name in card.weights:
        if not isinstance(card.network, OpaqueNetwork):
            refuse_pickle(files, name)
    for name, digest in card.digests.items() if verify else ():
        if sha256(files, name) != digest:
            raise ModelError(
                f"The file {name} of the model '{card.name}' was altered or cut short: its SHA-256 digest differs from "
                "the one in the card.",
                "Copy or download the model again from a source that you trust.",
            )


def _weight_names(card: ModelCard, count: int) -> tuple[str, ...]:
    suffix = WEIGHT_SUFFIXES.get(card.network.architecture, ".safetensors")
    if len(card.weights) == count and all(name.endswith(suffix) for name in card.weights):
        return card.weights
    return (f"weights{suffix}",) if count == 1 else tuple(f"weights-fold{n}{suffix}" for n in range(count))


def _foreign_to_keep(folder: Path) -> list[Path]:
    """Files in the folder that belong to no older package and go along into the new one."""
    if not folder.parent.is_dir():
        raise OutputError(f"The folder '{folder.parent}' does not exist.", "Create it, or choose another one.")
    if folder.is_file():
        raise OutputError(f"'{folder}' is a file.", "Choose another name for the model's folder.")
    own = {CARD}
    with contextlib.suppress(ModelError):
        own |= {name.split("/")[0] for name in read_card(folder).digests}
    foreign = [item for item in folder.iterdir() if item.name not in own] if folder.is_dir() else []
    for item in foreign:
        if not item.is_file() or item.stat().st_size > MAX_CARD_BYTES:
            raise OutputError(
                f"The folder '{folder}' holds '{item.name}', which is no part of a model.",
                "Choose a new folder, or move it away.",
            )
    return foreign


def swap_in(new: Path, folder: Path) -> None:
    """Renames ``new`` to ``folder``; what was there comes back when that fails."""
    if not folder.exists():
        new.replace(folder)
        return
    old = folder.parent / f".{secrets.token_hex(4)}.old"
    folder.replace(old)
    try:
        new.replace(folder)
    except OSError:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def locate_package(name_or_path: str | Path, user_folder: Path | None) -> Path:
    """The path of a package; for a bare name the installed model of that name comes before a folder of that name."""
    text, path = str(name_or_path), Path(name_or_path)
    if "/" in text or "\\" in text or text.lower().endswith((".zip", *PICKLE_SUFFIXES)):
        return path
    try:
        return find_model(text, user_folder)
    except ModelError:
        if path.exists():
            return path
        raise
