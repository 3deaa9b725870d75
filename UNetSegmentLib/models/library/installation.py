"""From an entry of the catalogue to a model that can be used."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError, ModelError, OutputError
from ...io.atomic import output_error
from ...labels import Label
from ...progress import CancelToken, ProgressCallback
from ...text import shown
from ..card import ModelCard
from ..files import CARD, FolderFiles, sha256
from ..package import swap_in
from ..staging import staging_folder
from .cache import check_space
from .downloading import download
from .entries import Entry, Part
from .labels import entry_labels
from .local_files import match_files
from .reader import find_entry
from .resemblance import check_resemblance
from .settings import DownloadSettings

log = logging.getLogger(__name__)

# While parts are combined they are on the disk three times: imported, being combined, combined.
_SPACE_ONE, _SPACE_SEVERAL = 1.3, 3.0


def install(
    entry: Entry | str,
    *,
    licence_accepted: bool,
    files: Sequence[Path] = (),
    destination: Path | None = None,
    cache: Path | None = None,
    settings: DownloadSettings | None = None,
    accept_changed: bool = False,
    keep_archives: bool = True,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Downloads an entry (or takes the given files), imports it and completes its card.

    Args:
        entry: of the catalogue, or its name.
        licence_accepted: the user has seen the licence and accepts it.
        files: the entry's archives where they are on the disk already, in place of the network.
        destination: folder that the package is put in; the user's own models by default.
        cache, settings, accept_changed: see :func:`~.downloading.download`.
        keep_archives: leave the downloads in the cache.
        progress, cancel: told about, and looked at, between steps.

    Returns:
        The package's folder, called as the entry. One that was there before is replaced.

    Raises:
        InputError: the licence is not accepted, or a file is missing.
        DownloadError, ModelError, OutputError: see :func:`~.downloading.download` and
            :func:`~UNetSegmentLib.models.importing.import_model`.
        Cancelled: the token was set. Then, and after every error, no trace of the model is left but its downloads.
    """
    entry = find_entry(entry) if isinstance(entry, str) else entry
    if not licence_accepted:
        raise InputError(
            f"The licence of '{entry.title}' ({entry.licence}) has not been accepted.",
            f"Read it at {entry.licence_address}; then accept it (--accept-licence).",
        )
    folder = _prepared(destination)
    target = folder / entry.name
    _refuse_foreign(target)
    sources = (
        match_files(entry, files, cancel)
        if files
        else download(entry, progress, cancel, cache, settings, accept_changed)
    )
    size = sum(path.stat().st_size for path in sources if path.is_file())
    factor = _SPACE_SEVERAL if len(entry.parts) > 1 else _SPACE_ONE
    check_space(folder, int(size * factor), f"'{entry.name}'")
    try:
        with staging_folder(folder) as staging:
            package = _built(entry, sources, staging, bool(files), progress, cancel)
            _check(cancel)
            swap_in(package, target)
    except OSError as error:
        raise output_error(target, error) from error
    if not files and not keep_archives:
        for path in sources:
            path.unlink(missing_ok=True)
    return target


def installed(entry: Entry, destination: Path | None = None) -> bool:
    """Whether the entry's model is among the user's own."""
    from ..locations import user_model_folder

    folder = destination if destination is not None else user_model_folder()
    return (folder / entry.name / CARD).is_file()


def _built(
    entry: Entry,
    sources: Sequence[Path],
    staging: Path,
    brought: bool,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> Path:
    """The complete package, somewhere in ``staging``. ``brought``: the user gave the files."""
    packages = []
    unproven = []
    for part, source in zip(entry.parts, sources, strict=True):
        _check(cancel)
        package = _imported(part, source, staging / "parts" / part.name, progress, cancel)
        if brought and not (source.is_file() and part.file.has_digest):
            check_resemblance(entry, part, _read(package), source.name)
            unproven.append(source.name)
        if entry.orientation is not None:
            _set_orientation(package, entry.orientation)
        packages.append(package)
    if len(packages) == 1:
        return _completed(entry, packages[0], unproven)
    return _completed(entry, _combined(entry, packages, staging / "whole"), unproven)


def _imported(
    part: Part, source: Path, folder: Path, progress: ProgressCallback | None, cancel: CancelToken | None
) -> Path:
    from ..importing import import_model
    from ..importing.conversion import plain_name

    folder.mkdir(parents=True)
    folds = [int(fold) if fold.isdecimal() else fold for fold in part.folds]
    written: list[Path] = import_model(
        source,
        folder,
        part.name,
        configuration=part.configuration or None,
        folds=folds or None,
        progress=progress,
        cancel=cancel,
    )
    if len(written) > 1:
        # An archive with several trainings of one configuration; the variant stands in the package's name.
        wanted = [plain_name(name) for name in (part.trainer, part.plans) if name]
        written = [path for path in written if wanted and all(f"-{name}-" in f"-{path.name}-" for name in wanted)]
    if len(written) != 1:
        raise ModelError(
            f"'{source.name}' does not hold the one model that the catalogue means ({part.trainer}, "
            f"{part.configuration}).",
            "Update UNetSegment; or import the file as it is with 'unetsegment import'.",
        )
    return written[0]


def _combined(entry: Entry, packages: Sequence[Path], folder: Path) -> Path:
    from ..importing.composite import About, combine

    table = {name: value for value, name in entry.labels}
    values = [{own: table[name] for own, name in part.labels} for part in entry.parts]
    combined: Path = combine(About(entry.name), packages, entry_labels(entry), folder, values)
    return combined


def _completed(entry: Entry, package: Path, unproven: Sequence[str]) -> Path:
    """Puts what the catalogue knows into the card: the original's files say neither licence nor anatomy.

    Args:
        unproven: files of the user's that no digest of the catalogue proves; the card says so.
    """
    card = _read(package)
    note = f" {entry.protocol}" if entry.protocol else ""
    card = replace(
        card,
        name=entry.name,
        title=entry.title,
        description=f"{entry.description}{note}",
        anatomy=entry.anatomy,
        modality=" or ".join(entry.modalities),
        licence=f"{entry.licence} ({entry.licence_address})",
        citation=entry.citation,
        training_data=entry.training_data or card.training_data,
        source=", ".join(part.file.address for part in entry.parts) + _provenance(unproven),
        labels=_labels(entry, card),
    )
    _write(package, card)
    return package


def _provenance(unproven: Sequence[str]) -> str:
    if not unproven:
        return ""
    names = ", ".join(shown(name, 80) for name in unproven)
    return f" (installed from files on this computer that no published digest proves: {names})"


def _labels(entry: Entry, card: ModelCard) -> tuple[Label, ...]:
    """The catalogue's table where it is of the same values; else the file knows better what it finds."""
    table = entry_labels(entry)
    if {label.value for label in table} == {label.value for label in card.labels}:
        return table
    if len(entry.parts) == 1:
        log.warning("The labels of '%s' are not those of the catalogue; the file's own names are kept.", entry.name)
    return card.labels


def _set_orientation(package: Path, orientation: str) -> None:
    """For images that the original turns before its network sees them, which its files do not say."""
    card = _read(package)
    digests = dict(card.digests)
    for companion in card.companions:
        _set_orientation(package / companion.folder, orientation)
        name = f"{companion.folder}/{CARD}"
        digests[name] = sha256(FolderFiles(package), name)
    preparation = replace(card.preparation, orientation=orientation)
    _write(package, replace(card, preparation=preparation, digests=digests))


def _read(package: Path) -> ModelCard:
    from ..opening import read_card

    return read_card(package)


def _write(package: Path, card: ModelCard) -> None:
    from ..serialization import card_to_text
    from ..validation import check_card

    check_card(card, packaged=True)
    (package / CARD).write_text(card_to_text(card), encoding="utf-8")


def _prepared(destination: Path | None) -> Path:
    from ..locations import user_model_folder

    folder = destination if destination is not None else user_model_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made.", "Choose another one.", str(error)) from error
    return folder


def _refuse_foreign(target: Path) -> None:
    if target.exists() and not (target / CARD).is_file():
        raise OutputError(
            f"'{target}' is there already and is no model.", "Move it away, or choose another folder (--to)."
        )


def _check(cancel: CancelToken | None) -> None:
    if cancel is not None:
        cancel.raise_if_cancelled()
