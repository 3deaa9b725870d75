"""``store_files``: DICOM files to a server (STOW-RS); what it has already is not sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError, ServerError
from ...progress import CancelToken
from ..dicom.opening import read_dataset
from .connection import Connection, connected
from .failures import PassingError, no_dicomweb
from .json_model import text_in
from .server import Server

# Why an instance was not stored: PS3.18, annex I.2.2; first and last reason of each kind.
_REASONS = (
    (0x0110, 0x0110, "it could not process the file"),
    (0xA700, 0xA7FF, "it has no room left"),
    (0xA900, 0xA9FF, "the file does not fit its class"),
    (0xC122, 0xC122, "it does not take files that are compressed so"),
    (0xC000, 0xCFFF, "it cannot understand the file"),
)
_CLASS_REFUSED = 0x0122


def store_files(
    server: Server,
    files: Sequence[Path],
    cancel: CancelToken | None = None,
    stored: Callable[[str], None] | None = None,
) -> list[str]:
    """Sends files, each by itself and whole, in their order.

    Args:
        stored: told the SOP Instance UID of each file that the server has, as soon as that is known.

    Returns:
        The UIDs.

    Raises:
        ServerError: a file was refused, or the server keeps failing; files before it are stored.
        InputError: a file is no DICOM.
        Cancelled: the token was set.
    """
    connection = connected(server)
    uids = []
    for file in files:
        uid = _store(connection, file, cancel)
        uids.append(uid)
        if stored is not None:
            stored(uid)
    return uids


def _store(connection: Connection, file: Path, cancel: CancelToken | None) -> str:
    data = _read(file)
    uid = str(data.SOPInstanceUID)

    def once() -> None:
        # An earlier attempt, or an earlier run, may have come through without its answer coming back.
        if not _is_there(connection, data):
            _send(connection, data, uid)

    connection.ask(once, cancel)
    return uid


def _send(connection: Connection, data: Any, uid: str) -> None:
    """Sends an instance, and raises where the server does not say that it has it."""
    import requests

    try:
        _check(connection.server, uid, _answer(connection, data))
    except requests.RequestException:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, SyntaxError) as error:  # SyntaxError: XML
        raise no_dicomweb(connection.server, "something that cannot be read") from error


def _answer(connection: Connection, data: Any) -> Any:
    """What the server says of an instance that it is sent; a conflict (409) says so too, with the reason."""
    import pydicom
    import requests

    try:
        return connection.client.store_instances([data])
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code != 409:
            raise
        return pydicom.Dataset.from_json(error.response.json())


def _read(file: Path) -> Any:
    from pydicom.errors import InvalidDicomError

    try:
        data = read_dataset(file)
        if data.StudyInstanceUID and data.SeriesInstanceUID and data.SOPInstanceUID:
            return data
    except (OSError, InvalidDicomError, AttributeError, ValueError, EOFError) as error:
        raise InputError(
            f"'{file.name}' is not a DICOM file that can be stored.", "Run the case again.", str(error)
        ) from error
    raise InputError(f"'{file.name}' states no UIDs.", "Run the case again.")


def _is_there(connection: Connection, data: Any) -> bool:
    """Whether the server has the instance; one that cannot tell is taken for one that has not."""
    uid = str(data.SOPInstanceUID)
    try:
        found = connection.client.search_for_instances(
            str(data.StudyInstanceUID), str(data.SeriesInstanceUID), search_filters={"SOPInstanceUID": uid}, limit=1
        )
    except ServerError as error:
        if isinstance(error, PassingError):
            raise
        return False
    return isinstance(found, list) and any(text_in(item, "SOPInstanceUID") == uid for item in found)


def _check(server: Server, uid: str, answer: Any) -> None:
    """Raises where the answer does not say that the instance is stored."""
    for failed in getattr(answer, "FailedSOPSequence", ()) or ():
        reason = int(getattr(failed, "FailureReason", 0) or 0)
        if reason == _CLASS_REFUSED:
            raise ServerError(
                f"{server.host} does not store DICOM objects of this kind.",
                "Write segmentations as --dicom binary, which more servers know; or ask its administrator.",
            )
        words = next((text for first, last, text in _REASONS if first <= reason <= last), "it does not say why")
        raise ServerError(
            f"{server.host} did not store the object: {words} (reason {reason:04X}).", "Ask its administrator."
        )
    stored = {str(item.ReferencedSOPInstanceUID) for item in getattr(answer, "ReferencedSOPSequence", ()) or ()}
    if uid not in stored:
        raise ServerError(
            f"{server.host} does not say that it stored the object.", "Look for it there, and ask its administrator."
        )
