"""A connection to a server: a session of requests that verifies, never follows elsewhere, and says what went wrong."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ...errors import DependencyError, InputError
from ...progress import CancelToken
from .credentials import password_of, token_of
from .failures import PassingError, explained, no_dicomweb, refuse
from .server import Server

log = logging.getLogger(__name__)

_LOOK = 0.2
_LONG = 3.0
_Made = TypeVar("_Made")


class Connection:
    """A server that is asked.

    Args:
        server: which.

    Attributes:
        client: a ``dicomweb_client.DICOMwebClient`` on :attr:`session`.
        session: a ``requests.Session`` whose failures are errors of ours.

    Raises:
        InputError: no token or password where one is asked for, or a file that others may read.
        DependencyError: a package is missing.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        client = _client_class()
        self.session = _session(server)
        self.client = client(server.url, session=self.session, permissive_uid=True)
        self.client.set_http_retry_params(retry=False)  # attempts are ours, and look at the cancel token

    def ask(self, work: Callable[[], _Made], cancel: CancelToken | None = None) -> _Made:
        """What ``work`` returns; tried again a few times where it fails for a reason that passes.

        Raises:
            ServerError: it failed for good.
            Cancelled: the token was set.
        """
        for wait in (*self.server.waits, None):
            if cancel is not None:
                cancel.raise_if_cancelled()
            try:
                return self._once(work)
            except PassingError as error:
                if wait is None:
                    raise
                wait = wait if error.wait is None else error.wait
                # Nobody is left to wait without a word; what is over at once is none of their business.
                log.log(
                    logging.WARNING if wait >= _LONG else logging.INFO, "%s Trying again in %g s.", error.cause, wait
                )
                _pause(wait, cancel)
        raise AssertionError("unreachable")

    def _once(self, work: Callable[[], _Made]) -> _Made:
        import requests
        import urllib3

        try:
            return work()
        except requests.exceptions.InvalidJSONError as error:
            raise no_dicomweb(self.server, "something else than JSON") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            response = getattr(error, "response", None)
            if response is not None:
                refuse(self.server, response)
            raise explained(self.server, error) from error


@functools.lru_cache(maxsize=4)
def connected(server: Server) -> Connection:
    """The connection of this process to a server; kept, so that case after case goes through the same one."""
    return Connection(server)


def _session(server: Server) -> Any:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.auth import AuthBase

    class Adapter(HTTPAdapter):
        """Our certificates win over those of the environment, and verifying cannot be turned off."""

        def send(
            self,
            request: Any,
            stream: bool = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: Any = None,
        ) -> Any:
            # dicomweb-client names the host without its port, which servers behind a proxy do not understand.
            request.headers.pop("Host", None)
            if server.on_this_machine:  # what may go without encryption must not leave through a proxy
                proxies = None
            return super().send(request, stream, server.timeout, server.ca or verify or True, cert, proxies)

    class Authentication(AuthBase):
        """Set without credentials too: requests would send what it finds in a file .netrc otherwise."""

        def __call__(self, request: Any) -> Any:
            return authenticate(request)

    def look(response: Any, *_: Any, **__: Any) -> None:
        _check_answer(server, response)

    authenticate = _authenticator(server)
    if server.ca:
        _check_ca(Path(server.ca))
    session = requests.Session()
    session.auth = Authentication()
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(max_retries=0))
    session.hooks["response"] = [look]
    return session


def _authenticator(server: Server) -> Callable[[Any], Any]:
    """What puts the secret into a request."""
    from requests.auth import HTTPBasicAuth

    if server.token_file:
        token_of(server)

        def bearer(request: Any) -> Any:
            # Read anew: tokens expire before a long run ends, and what renews them writes the file.
            request.headers["Authorization"] = f"Bearer {token_of(server)}"
            return request

        return bearer
    if server.user:
        return HTTPBasicAuth(server.user.encode(), password_of(server).encode())
    return lambda request: request


def _check_ca(file: Path) -> None:
    import ssl

    try:
        ssl.create_default_context(cafile=str(file))
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"'{file.name}' holds no certificates that can be read.",
            "Give a PEM file with the authority's certificate.",
        ) from error


def _check_answer(server: Server, response: Any) -> None:
    """Raises what an answer means before anybody reads on; a conflict (409) of storing has details that are read."""
    if response.status_code != 409:
        refuse(server, response)
        if "html" in str(response.headers.get("Content-Type", "")).lower():
            raise no_dicomweb(server, "a web page")


def _pause(seconds: float, cancel: CancelToken | None) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if cancel is not None:
            cancel.raise_if_cancelled()
        time.sleep(min(left, _LOOK))


def _client_class() -> Any:
    try:
        from dicomweb_client.api import DICOMwebClient
    except ImportError as error:
        raise DependencyError(
            "A DICOMweb server needs the package dicomweb-client, which is not installed.",
            "Install it with: pip install dicomweb-client",
            str(error),
        ) from error
    # It repeats what servers say in headers, which may be anything: what matters is in our errors.
    logging.getLogger("dicomweb_client").addHandler(logging.NullHandler())
    return DICOMwebClient
