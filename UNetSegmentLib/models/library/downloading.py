"""Downloads the files of a catalogue entry into the cache."""

from __future__ import annotations

from pathlib import Path

from ...progress import CancelToken, ProgressCallback
from .cache import cache_folder, cached_path, check_space, prepare_folder
from .entries import Entry
from .fetching import fetch
from .meter import Meter
from .settings import DownloadSettings


def download(
    entry: Entry,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    folder: Path | None = None,
    settings: DownloadSettings | None = None,
    accept_changed: bool = False,
) -> list[Path]:
    """The entry's files, verified, in the cache; what is there already is only checked.

    Args:
        entry: one of the catalogue.
        progress: told in the stage ``download``, in bytes over all files.
        cancel: looked at ten times a second. What came so far is kept, and the next call goes on from there.
        folder: the cache, in place of :func:`~.cache.cache_folder`.
        settings: proxies and patience.
        accept_changed: take files that differ from those downloaded first, where only these were known.

    Returns:
        One path for each part, in order.

    Raises:
        DownloadError: a file cannot be fetched; the message says how to bring it by hand.
        ModelError: what came is not the file that the catalogue means.
        OutputError: the disk is too full (noticed before starting, where sizes are known) or not writable.
        Cancelled: the token was set.
    """
    folder = folder if folder is not None else cache_folder()
    settings = settings if settings is not None else DownloadSettings()
    files = [part.file for part in entry.parts]
    prepare_folder(folder)
    _check_all(entry, folder, settings)
    meter = Meter([file.bytes for file in files], progress, cancel)
    paths = []
    for n, file in enumerate(files):
        meter.start(n, file.name)
        paths.append(fetch(file, folder, settings, meter, accept_changed))
    return paths


def offline_instructions(entry: Entry) -> str:
    """How to install the entry without a network, for people."""
    addresses = "\n".join(f"  {part.file.address}" for part in entry.parts)
    files = " ".join(f"--file {part.file.name}" for part in entry.parts)
    return (
        f"On a computer with a network, download:\n{addresses}\n"
        f"Bring the files here and install them with:\n  unetsegment library get {entry.name} {files}"
    )


def _check_all(entry: Entry, folder: Path, settings: DownloadSettings) -> None:
    """One look at the disk for all files together, so that the fourth of five does not find it full."""
    missing = [part.file for part in entry.parts if not cached_path(part.file, folder).is_file()]
    needed = sum(file.bytes or 0 for file in missing)
    if needed:
        check_space(folder, needed + settings.spare_bytes, f"'{entry.name}'")
