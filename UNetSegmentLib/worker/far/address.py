"""Where a far worker runs: ``ssh://user@host:port/path/to/python``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from ...errors import InputError

SCHEME = "ssh"
PYTHON = "python3"
_FORM = "Write ssh://HOST, ssh://USER@HOST:PORT or ssh://USER@HOST/path/to/python."
# Names go to ssh as arguments of their own: one that begins with a dash would be an option.
_NAME = re.compile(r"[^\s\x00-\x1f\x7f@/\\'\"`$;&|<>()-][^\s\x00-\x1f\x7f@/\\'\"`$;&|<>()]*")
_PASSWORD = re.compile(r"://[^/]*:[^/]*@")


@dataclass(frozen=True)
class FarHost:
    """A machine that runs workers.

    Args:
        host: its name, its address, or an alias of the user's ssh configuration.
        user: to log in as; empty is what ssh would take.
        port: None is what ssh would take.
        python: that runs there: a name that its PATH knows, an absolute path, or one that begins with ``~/``.

    Raises:
        InputError: a name that is none.
    """

    host: str
    user: str = ""
    port: int | None = None
    python: str = PYTHON

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.host):
            raise InputError(f"'{self.host[:80]}' is no name of a host.", _FORM)
        if self.user and not _NAME.fullmatch(self.user):
            raise InputError(f"'{self.user[:80]}' is no name of a user.", _FORM)
        if self.port is not None and not 0 < self.port < 65536:
            raise InputError(f"{self.port} is no port.", "Ports are 1 to 65535; ssh's own is 22.")
        if not self.python or self.python.startswith("-") or re.search(r"[\x00-\x1f\x7f]", self.python):
            raise InputError(f"'{self.python[:80]}' is no path of Python.", _FORM)

    @classmethod
    def parse(cls, url: str) -> FarHost:
        """The host of a URL.

        Raises:
            InputError: it is none, or holds a password.
        """
        text = url.strip()
        # First of all, since other errors repeat the address.
        if _PASSWORD.search(text):
            raise InputError(
                "A host's address holds no password.", "Log in by a key: ssh-copy-id puts yours on the host."
            )
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise InputError(f"'{text[:120]}' is no address of a host ({error}).", _FORM) from error
        if parts.scheme.lower() != SCHEME or not parts.netloc:
            raise InputError(f"'{text[:120]}' is no address of a host.", _FORM)
        if parts.query or parts.fragment:
            raise InputError(f"'{text[:120]}' is no address of a host.", f"{_FORM} Write ? as %3F and # as %23.")
        # urlsplit writes names in lower case, and aliases of ssh are not to be changed.
        host = parts.netloc.rpartition("@")[2]
        host = host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
        return cls(unquote(host), unquote(parts.username or ""), port, _python(unquote(parts.path)))

    @property
    def url(self) -> str:
        """The address as one writes it, which :meth:`parse` reads."""
        user = f"{quote(self.user)}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else quote(self.host)
        port = "" if self.port is None else f":{self.port}"
        if self.python == PYTHON:
            return f"{SCHEME}://{user}{host}{port}"
        return f"{SCHEME}://{user}{host}{port}/{quote(self.python.removeprefix('/'), safe='/~+.-_')}"

    @property
    def python_word(self) -> str:
        """The interpreter as a word of a POSIX shell there."""
        if self.python.startswith("~/"):
            return f'"$HOME"/{shlex.quote(self.python[2:])}'
        return shlex.quote(self.python)

    @property
    def login(self) -> str:
        """User and host as people say them: for messages."""
        return f"{self.user}@{self.host}" if self.user else self.host


def _python(path: str) -> str:
    """The interpreter of a URL's path: ``/usr/bin/python3.12``, ``/~/venv/bin/python``, or a bare ``/python3.12``."""
    name = path.removeprefix("/")
    if not name:
        return PYTHON
    return name if name.startswith("~/") or "/" not in name else path
