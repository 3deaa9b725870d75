"""What a server answers and a connection raises, in words; and whether trying again may help."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

from ...errors import ServerError
from .server import Server

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 120.0
_RETRY = "Try again once it answers (a cohort with --retry-failed)."


class PassingError(ServerError):
    """A failure that may be over a moment later. ``wait``: seconds that the server asks for, where it does."""

    def __init__(self, cause: str, cure: str = "", detail: str = "", wait: float | None = None) -> None:
        super().__init__(cause, cure, detail)
        self.wait = wait


def refuse(server: Server, response: Any) -> None:
    """Raises what an answer means that is no success.

    Raises:
        ServerError: a refusal; :class:`PassingError` where trying again may help.
    """
    status = int(response.status_code)
    if status < 300:
        return
    if status in _PASSING:
        words = "asks for fewer requests" if status == 429 else "has trouble of its own"
        raise PassingError(f"{server.host} {words} (status {status}).", _RETRY, wait=_retry_after(response.headers))
    cause, cure = _words(server, status)
    raise ServerError(f"{cause} (status {status}).", cure)


def _words(server: Server, status: int) -> tuple[str, str]:
    host = server.host
    if status in (401, 407):
        who = (
            "does not accept the name and password or the token"
            if server.with_credentials
            else "wants to know who asks"
        )
        cure = "Check --user and its password, or --token-file; tokens expire."
        return (f"{host} {who}", cure) if status == 401 else ("The proxy wants a name and a password", _PROXY)
    if status == 403:
        return f"{host} does not allow this", "Ask its administrator for the right to search, fetch or store."
    if status in (404, 405, 410, 501):
        return (
            f"{host} does not offer this under {server.url}",
            "Check the address: it is the one under which /studies lies. Or what was asked for has been removed.",
        )
    if status == 413:
        return (
            f"{host} takes no message of this size",
            "Ask its administrator to raise the limit (its own or that of a proxy before it), or use --dicom labelmap.",
        )
    if status in (406, 415):
        return f"{host} does not know the form of the data that was asked for or sent", "Ask its administrator."
    if 300 <= status < 400:
        return (
            f"{host} sends requests elsewhere, which is not followed",
            "Give the address that it sends to; a page for logging in is none.",
        )
    return f"{host} refuses the request", "Check the address and the query; ask the server's administrator."


_PROXY = "Give them in the proxy's address (HTTPS_PROXY)."


def explained(server: Server, error: BaseException) -> ServerError:
    """The error of what a connection has raised (of requests, urllib3 or the system)."""
    chain = list(_chain(error))
    certificate = next((e for e in chain if isinstance(e, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return ServerError(
            f"The certificate of {server.host} is not trusted ({certificate.verify_message}).",
            "If it is signed by your hospital's own authority, give its certificate with --ca FILE. It is never "
            "passed over.",
        )
    if any(isinstance(e, ssl.SSLError) for e in chain):
        return ServerError(
            f"No encrypted connection to {server.host} could be made.",
            "Check the port, and whether the address begins with http:// or https://.",
        )
    if any(isinstance(e, socket.gaierror) for e in chain) or _named(chain, "NameResolutionError"):
        return PassingError(f"The name {server.host} is not known here.", "Check the address and the network.")
    if any(isinstance(e, ConnectionRefusedError) for e in chain):
        return PassingError(
            f"Nothing answers at {server.origin}.",
            "Check that the server runs, its address and its port; a cohort goes on with --retry-failed.",
        )
    if _named(chain, "InvalidURL", "InvalidProxyURL", "LocationParseError"):
        return ServerError(
            "The address of the server or of the proxy cannot be one.", "Check --dicomweb and HTTPS_PROXY."
        )
    if _named(chain, "ProxyError") and any("407" in str(e) for e in chain):
        return ServerError("The proxy wants a name and a password (status 407).", _PROXY)
    if _named(chain, "ProxyError"):
        return PassingError("The proxy could not be reached.", "Check HTTPS_PROXY and NO_PROXY.")
    if _named(chain, "ReadTimeout", "ConnectTimeout", "ReadTimeoutError", "ConnectTimeoutError", "TimeoutError"):
        return PassingError(f"{server.host} did not answer in {server.timeout:g} s.", _RETRY)
    return PassingError(f"The connection to {server.host} broke off.", _RETRY, type(error).__name__)


def no_dicomweb(server: Server, what: str) -> ServerError:
    """Something answers that is no DICOMweb."""
    return ServerError(
        f"{server.host} answers with {what} under {server.url}, which is no DICOMweb.",
        "Check the address: it is the one under which /studies lies, such as https://pacs.example.org/dicom-web.",
    )


def _chain(error: BaseException | None) -> Any:
    """An error and those that it was raised from or wraps."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _named(chain: list[BaseException], *names: str) -> bool:
    return any(type(e).__name__ in names for e in chain)


def _retry_after(headers: Any) -> float | None:
    text = str(headers.get("Retry-After") or "").strip()
    return min(float(text), _LONGEST_WAIT) if re.fullmatch(r"\d{1,6}", text) else None
