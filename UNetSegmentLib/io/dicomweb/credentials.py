"""Passwords and tokens: out of files that nobody else may read, or out of the system's keyring."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...errors import DependencyError, InputError
from .server import Server

_LARGEST = 1 << 16


def token_of(server: Server) -> str:
    """The token of ``server.token_file``.

    Raises:
        InputError: others may read the file, or it holds no token.
    """
    token = _secret(Path(server.token_file), "token")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise InputError(
            f"'{Path(server.token_file).name}' holds more than a token.", "Put the token in it, alone and on one line."
        )
    return token


def password_of(server: Server) -> str:
    """The password of ``server.user``, from its file or from the keyring.

    Raises:
        InputError: others may read the file; there is no such password.
        DependencyError: the package keyring is needed and not installed.
    """
    if server.password_file:
        return _secret(Path(server.password_file), "password")
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise DependencyError(
            "A password from the system's keyring needs the package keyring, which is not installed.",
            "Install it with: pip install keyring. Or give --password-file.",
        ) from error
    service = keyring_service(server)
    try:
        password = keyring.get_password(service, server.user)
    except keyring.errors.KeyringError as error:
        raise InputError(
            "The system's keyring cannot be opened.",
            "Unlock it, or give --password-file.",
            type(error).__name__,
        ) from error
    if not password:
        raise InputError(
            f"The keyring has no password of '{server.user}' for {server.origin}.",
            f"Put it there with: keyring set {service} {server.user}. Or give --password-file.",
        )
    return str(password)


def keyring_service(server: Server) -> str:
    """Under which a password lies in the keyring."""
    return f"unetsegment:{server.origin}"


def _secret(file: Path, what: str) -> str:
    """What a file holds, without the line break at its end."""
    try:
        with file.open("rb") as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise InputError(f"'{file.name}' is not a file with a {what}.", "Name an ordinary file.")
            _require_private(file, state.st_mode, what)
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(
            f"The file with the {what}, '{file.name}', cannot be read ({error.strerror or 'unknown reason'}).",
            "Check its path and that you may read it.",
        ) from error
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > _LARGEST or "\n" in text or "\r" in text or "\0" in text:
        raise InputError(f"'{file.name}' does not hold one line with a {what}.", f"Put the {what} in it, alone.")
    return text


def _require_private(file: Path, mode: int, what: str) -> None:
    """Windows has no such bits: who may read there is left to its own rights."""
    if os.name == "posix" and mode & 0o077:
        raise InputError(
            f"Others may read '{file.name}', which holds a {what} (mode {mode & 0o777:03o}).",
            f"Run: chmod 600 {file.name}. If others have had access to it, change the {what} too.",
        )
