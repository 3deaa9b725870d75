"""What can go wrong on the way, in words, and whether trying again may help."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import urllib.error
from urllib.parse import urlsplit

from ...errors import DownloadError, ModelError, UNetSegmentError
from .stream import RedirectRefusedError

TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
NETWORK_ERRORS = (OSError, http.client.HTTPException, EOFError)
"""What a connection can raise; ``urllib.error.URLError`` is an OSError."""


class InterruptedDownloadError(EOFError):
    """The connection ended before the file did."""


def by_hand(address: str) -> str:
    """The way out that always works."""
    return (
        f"Or import from file: download {address} on a computer that can, and install it with "
        "'unetsegment library get NAME --file FILE' (in Slicer: Import from file)."
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed a moment later."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in TRANSIENT_STATUS
    if isinstance(error, RedirectRefusedError) or _certificate(error) is not None:
        return False
    return isinstance(error, NETWORK_ERRORS)


def retry_after(error: BaseException) -> float:
    """Seconds that the server asks to wait, 0 when it does not say."""
    headers = error.headers if isinstance(error, urllib.error.HTTPError) else None
    text = (headers.get("Retry-After") or "") if headers is not None else ""
    return float(text) if text.strip().isdecimal() else 0.0


def download_error(address: str, error: BaseException, proxied: bool) -> UNetSegmentError:
    """The error to show for a request that failed for good.

    Args:
        address: the address of the catalogue. Addresses that servers redirect to are kept out of messages: they can
            hold signatures.
        error: what the last attempt raised.
        proxied: whether a proxy was used.
    """
    host = urlsplit(address).hostname or address
    if isinstance(error, urllib.error.HTTPError):
        return _status_error(address, host, error.code)
    if isinstance(error, RedirectRefusedError):
        return DownloadError(
            f"The download from {host} was refused: {error.reason}.",
            f"That is not how {host} works; something in the network may interfere. {by_hand(address)}",
        )
    certificate = _certificate(error)
    if certificate is not None:
        return DownloadError(
            f"The certificate of {host} is not trusted: {certificate}.",
            "Networks that inspect encrypted connections have a certificate of their own, which this computer must "
            f"know; ask the network's administrator. {by_hand(address)}",
            repr(error),
        )
    how = "through the proxy " if proxied else ""
    return DownloadError(
        f"{host} could not be reached {how}({_reason(error)}).",
        f"Check the network and the proxy settings, then start again; what has arrived is kept. {by_hand(address)}",
        repr(error),
    )


def web_page_error(address: str) -> ModelError:
    """A page came where an archive was expected."""
    host = urlsplit(address).hostname or address
    return ModelError(
        f"A web page came in place of the file from {host}.",
        "A network's log-in page or a proxy answers for it. Open a page in the browser, log in to the network, and "
        f"start again. {by_hand(address)}",
    )


def _status_error(address: str, host: str, code: int) -> DownloadError:
    if code == 407:
        return DownloadError(
            "The proxy asks for a user name and a password.",
            f"Give them in the proxy's address (http://user:password@proxy:port). {by_hand(address)}",
        )
    if 300 <= code < 400:
        return DownloadError(
            f"{host} redirects in a circle.", f"Something in the network may interfere. {by_hand(address)}"
        )
    if code in (404, 410):
        return DownloadError(
            f"The file is no longer at {address} (status {code}).",
            "Update UNetSegment; or look on the model's homepage where it is now, and import it from file.",
        )
    if code in (401, 403, 451):
        return DownloadError(
            f"{host} refuses the download (status {code}).",
            f"A proxy may block it: ask the network's administrator. {by_hand(address)}",
        )
    trouble = "has trouble of its own" if code >= 500 else "refuses"
    return DownloadError(
        f"{host} {trouble} (status {code}).",
        f"Try again later; what has arrived is kept. {by_hand(address)}",
    )


def _certificate(error: BaseException) -> str | None:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else None


def _reason(error: BaseException) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, socket.gaierror):
        return "its name is not known here: no network, or no name server"
    if isinstance(inner, TimeoutError):
        return "it did not answer in time"
    if isinstance(inner, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(inner, InterruptedDownloadError | http.client.IncompleteRead | ConnectionError):
        return "the connection breaks off again and again"
    if isinstance(inner, OSError) and inner.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "there is no network"
    return str(inner) or type(inner).__name__
