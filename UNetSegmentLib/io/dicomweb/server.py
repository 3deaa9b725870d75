"""Where a DICOMweb server is and how it is asked: a value without secrets, which may travel between processes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ...errors import InputError
from ...text import shown

_URL_CURE = "Give the root of the service, such as https://pacs.example.org/dicom-web."


@dataclass(frozen=True)
class Server:
    """A server.

    Args:
        url: root of the service, under which ``/studies`` lies.
        token_file: a file that holds a bearer token.
        user: name for basic authentication.
        password_file: a file that holds the user's password; without one it is looked up in the system's keyring.
        ca: a file of certificates (PEM) to trust in place of the system's.
        timeout: seconds without a byte after which a request has failed.
        waits: seconds before a request that failed for a passing reason is tried again, one for each further attempt.

    Raises:
        InputError: an address that cannot be one, holds a password, or would send one without encryption; a token
            beside a user, or a file for the password of nobody.
    """

    url: str
    token_file: str = ""
    user: str = ""
    password_file: str = ""
    ca: str = ""
    timeout: float = 60.0
    waits: tuple[float, ...] = (1.0, 5.0, 20.0)

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts.username is not None or parts.password is not None:
            raise InputError(
                "The address of the server holds a name or a password, which others can see there.",
                "Leave them out, and give --user with --password-file, or --token-file.",
            )
        if self.token_file and (self.user or self.password_file):
            raise InputError("A token and a user were given.", "Give one of --token-file and --user.")
        if self.password_file and not self.user:
            raise InputError("There is a file for a password and no user.", "Name the user with --user.")
        if ":" in self.user:
            raise InputError("The name of a user cannot hold a colon.", "Check --user.")
        if parts.scheme == "http" and self.with_credentials and not self.on_this_machine:
            raise InputError(
                f"Name and password or token would go to {self.host} without encryption.",
                "Use an address that begins with https://, or a tunnel (ssh -L) and http://localhost.",
            )
        object.__setattr__(self, "url", self.url.rstrip("/"))
        object.__setattr__(self, "waits", tuple(self.waits))

    @property
    def host(self) -> str:
        """Name of the machine."""
        return _parts(self.url).hostname or ""

    @property
    def origin(self) -> str:
        """Scheme, host and port, by which a password is found in a keyring."""
        parts = _parts(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def with_credentials(self) -> bool:
        """Whether a name or a token is sent along."""
        return bool(self.user or self.token_file)

    @property
    def on_this_machine(self) -> bool:
        """Whether it is reached without a network."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def encrypted(self) -> bool:
        """Whether nobody between here and there can read along."""
        return self.url.startswith("https:") or self.on_this_machine

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Server:
        """The server of :meth:`to_json`."""
        return cls(**{**value, "waits": tuple(value["waits"])})


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in url):
        raise InputError(f"'{shown(url.rpartition('@')[2], 80)}' is not the address of a DICOMweb server.", _URL_CURE)
    if parts.query or parts.fragment:
        raise InputError("The address of a DICOMweb server ends with a path, not with '?' or '#'.", _URL_CURE)
    return parts
