"""From a source to packages on the disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import ModelError, OutputError
from ...progress import CancelToken, ProgressCallback
from ..files import CARD
from ..staging import staging_folder
from .archive import open_source
from .imported import Imported, ImportOptions
from .recognition import importer, recognise_files

_LONGEST_NAME = 100


def import_model(
    source: str | Path,
    destination: str | Path | None = None,
    name: str | None = None,
    *,
    trust: bool = False,
    contract: Path | None = None,
    configuration: str | None = None,
    folds: Sequence[int | str] | None = None,
    checkpoint: str | None = None,
    licence: str = "",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Translates a model of another program to packages of our own.

    Args:
        source: a folder, a ``.zip`` or a model file: nnU-Net v2 results (one or several), a MONAI bundle, a TorchScript
            or ONNX file, or a package.
        destination: folder that the packages are put in, each in a folder of its name; the user's own models by
            default.
        name: what to call the model; its own name by default. Several models get their variant's name behind it.
        trust, contract, configuration, folds, checkpoint, licence: see :class:`~.imported.ImportOptions`.
        progress, cancel: told about, and looked at, between steps.

    Returns:
        The packages' folders.

    Raises:
        ModelError: nothing that can be read was found, or it cannot be run faithfully; the message names the piece.
        OutputError: a package cannot be written, or another model of that name is there.
        Cancelled: nothing was written but the packages that were complete.
    """
    from ..locations import user_model_folder

    folder = Path(destination) if destination is not None else user_model_folder()
    chosen = tuple(folds) if folds is not None else None
    options = ImportOptions(trust, contract, configuration, chosen, checkpoint, licence, progress, cancel)
    with open_source(Path(source)) as files:
        models = importer(recognise_files(files)).read(files, options)
        models = [_licensed(_renamed(model, name, len(models) > 1), licence) for model in models]
        for model in models:
            _refuse_other(folder / model.card.name, model)
        _make_folder(folder)
        return _write(models, folder, options)


def write_imported(model: Imported, folder: Path) -> Path:
    """Saves one model with its companions as a package at ``folder``, a complete one or none.

    Raises:
        ModelError: the weights do not fit the network of the card.
        OutputError: it cannot be written.
    """
    from ...io.atomic import output_error
    from ..package import save_model

    if not model.companions:
        return save_model(model.card, model.weights, folder, extra=model.extra)
    try:
        with staging_folder(folder.parent) as staging:
            pairs = zip(model.card.companions, model.companions, strict=True)
            inner = [write_imported(companion, staging / listed.folder) for listed, companion in pairs]
            return save_model(model.card, model.weights, folder, inner, model.extra)
    except OSError as error:
        raise output_error(folder, error) from error


def plain_name(text: str) -> str:
    """``text`` as the name of a model: what other characters than letters, digits, ``.``, ``_``, ``-`` become ``-``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text[:1000]).strip("-._")[:_LONGEST_NAME].rstrip("-._") or "model"


def _write(models: Sequence[Imported], folder: Path, options: ImportOptions) -> list[Path]:
    from ..package_trust import trust_package

    stage = options.stage("write model", sum(map(_packages, models)))
    written = []
    for model in models:
        stage.check()
        written.append(write_imported(model, folder / model.card.name))
        if options.trust:
            trust_package(written[-1])
        stage.step(_packages(model), model.card.name)
    return written


def _renamed(model: Imported, name: str | None, several: bool) -> Imported:
    if name is None:
        return model
    if plain_name(name) != name:
        raise ModelError(
            f"'{name}' cannot be the name of a model.",
            f"Use letters, digits, '.', '_' and '-' only, e.g. '{plain_name(name)}'.",
        )
    full = f"{name}-{plain_name(model.variant)}" if several else name
    return replace(model, card=replace(model.card, name=full))


def _licensed(model: Imported, licence: str) -> Imported:
    """What the source itself says of its licence stands; the user's word fills a gap, companions' too."""
    if not licence.strip():
        return model
    companions = tuple(_licensed(companion, licence) for companion in model.companions)
    card = model.card if model.card.licence.strip() else replace(model.card, licence=licence.strip())
    return replace(model, card=card, companions=companions)


def _refuse_other(folder: Path, model: Imported) -> None:
    """The same model may be imported again; another one of its name stays."""
    from ..opening import read_card

    if not (folder / CARD).is_file():
        return
    try:
        there = read_card(folder)
    except ModelError:
        return
    # The end of the source may differ: other folds of the same training.
    if (there.title, there.source.rpartition(", ")[0]) != (model.card.title, model.card.source.rpartition(", ")[0]):
        raise OutputError(
            f"There is another model called '{there.name}' in '{folder.parent}' ({there.title}).",
            "Give this one another name (--name), or remove the other one.",
        )


def _make_folder(folder: Path) -> None:
    from ...io.atomic import output_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error


def _packages(model: Imported) -> int:
    return 1 + sum(map(_packages, model.companions))
