"""The worker's requests that bring new models: import from the disk, install from the library."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ...progress import CancelToken, ProgressCallback
from ..protocol.messages import Import, Imported, ImportedModel, LibraryInstall


def bring(request: Import | LibraryInstall, progress: ProgressCallback, cancel: CancelToken) -> Imported:
    """Carries a request out.

    Raises:
        UNetSegmentError: what the importer, the library or the disk had to say.
    """
    started = time.perf_counter()
    packages = (
        _import(request, progress, cancel) if isinstance(request, Import) else _install(request, progress, cancel)
    )
    from ...models.opening import read_card

    cards = [(read_card(package), package) for package in packages]
    models = tuple(ImportedModel(card.name, card.version, card.title, str(package)) for card, package in cards)
    return Imported(request.id, models, time.perf_counter() - started)


def _import(request: Import, progress: ProgressCallback, cancel: CancelToken) -> Sequence[Path]:
    from ...models.importing import import_model

    packages: list[Path] = import_model(
        Path(request.path),
        _path(request.folder),
        request.name,
        trust=request.trust,
        contract=_path(request.contract),
        configuration=request.configuration,
        progress=progress,
        cancel=cancel,
    )
    return packages


def _install(request: LibraryInstall, progress: ProgressCallback, cancel: CancelToken) -> Sequence[Path]:
    from ...models.library import install

    package: Path = install(
        request.entry,
        licence_accepted=request.licence_accepted,
        files=[Path(file) for file in request.files],
        destination=_path(request.folder),
        cache=_path(request.cache),
        progress=progress,
        cancel=cancel,
    )
    return [package]


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
