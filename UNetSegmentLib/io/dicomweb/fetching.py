"""``fetch_series``: the files of a series from a server (WADO-RS) into a folder; all of them, or none."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...errors import InputError, ServerError
from ...progress import CancelToken
from ...text import shown
from ..atomic import output_error
from ..dicom.opening import read_dataset
from .connection import Connection, connected
from .failures import PassingError, no_dicomweb
from .json_model import is_uid
from .multipart import TornError, boundary_of, parts_of
from .server import Server

_DAMAGES = (ValueError, TypeError, KeyError, EOFError, AttributeError, NotImplementedError)
_BLOCK = 1 << 20
# As they are stored: what was compressed travels compressed. Servers that cannot send that choose what they can.
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def fetch_series(
    server: Server,
    study: str,
    series: str,
    instances: int,
    folder: Path,
    cancel: CancelToken | None = None,
    arrived: Callable[[], None] = lambda: None,
) -> None:
    """Fetches a series, byte for byte as the server sends it.

    Args:
        study, series: UIDs.
        instances: how many the server said that there are; 0 where it did not say.
        folder: is made, for its owner alone, and holds a file for each instance under its UID; an earlier one is
            replaced. Its parent must be there.
        arrived: called after each instance.

    Raises:
        ServerError: the server refuses, keeps failing, sends fewer instances than it said, or something else.
        ResourceError: it sends a deflated file that would unpack to more than memory holds.
        OutputError: the folder cannot be written.
        Cancelled: the token was set.
    """
    connection = connected(server)
    import requests

    temporary = folder.with_name(f".{secrets.token_hex(4)}.tmp")

    def once() -> None:
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir(mode=0o700)
            _fetch(connection, f"{server.url}/studies/{study}/series/{series}", series, temporary, cancel, arrived)
        except requests.RequestException:  # an OSError too, but not of the disk
            raise
        except OSError as error:
            raise output_error(folder, error) from error

    try:
        connection.ask(once, cancel)
        _check(server, series, instances, temporary)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fetch(
    connection: Connection,
    address: str,
    series: str,
    folder: Path,
    cancel: CancelToken | None,
    arrived: Callable[[], None],
) -> None:
    server = connection.server
    with connection.session.get(address, headers={"Accept": _ACCEPT}, stream=True) as response:
        try:
            for number, part in enumerate(_parts(server, response)):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                path = folder / f"part-{number:06}"
                with path.open("xb") as file:
                    for block in part:
                        file.write(block)
                _name(server, path, series)
                arrived()
        except TornError as error:
            raise PassingError(
                f"{server.host} cut its answer short.", "Try again later (a cohort with --retry-failed).", str(error)
            ) from error


def _parts(server: Server, response: Any) -> Iterator[Iterator[bytes]]:
    kind = str(response.headers.get("Content-Type", ""))
    blocks = response.iter_content(_BLOCK)
    if kind.lower().startswith("application/dicom") and "json" not in kind and "xml" not in kind:
        return iter([blocks])  # a single instance, which some servers send without an envelope
    boundary = boundary_of(kind)
    if response.status_code == 204:
        return iter(())
    if not boundary:
        raise no_dicomweb(server, f"'{shown(kind.partition(';')[0], 40)}'")
    return parts_of(blocks, boundary)


def _name(server: Server, path: Path, series: str) -> None:
    """Gives a file the name of its instance, once it is sure that it is one of this series."""
    from pydicom.errors import InvalidDicomError

    try:
        tags = ["SOPInstanceUID", "SeriesInstanceUID"]
        data = read_dataset(path, stop_before_pixels=True, specific_tags=tags)
        uid, of = str(data.get("SOPInstanceUID", "")), str(data.get("SeriesInstanceUID", ""))
    except (InputError, InvalidDicomError, *_DAMAGES) as error:
        raise ServerError(
            f"{server.host} sent something that is not DICOM.", "Check the series in another program.", str(error)[:200]
        ) from error
    if of != series or not is_uid(uid):
        raise ServerError(f"{server.host} sent an instance of another series.", "Tell its administrator.")
    path.replace(path.with_name(f"{uid}.dcm"))


def _check(server: Server, series: str, instances: int, folder: Path) -> None:
    """Half a series is never segmented."""
    count = len(os.listdir(folder))  # noqa: PTH208
    if count < max(instances, 1):
        raise ServerError(
            f"{server.host} sent {count} of {instances} instances of the series."
            if instances
            else f"{server.host} sent no instances of the series.",
            "It may still be arriving there, or you may not have the right to all of it: run the command again later.",
        )
