"""Which programs the user trusts.

A TorchScript or ONNX file is a program: running it means running what its author wrote, with the user's rights. Such a
file is therefore loaded only when its SHA-256 digest stands in the user's list, and it gets there only by the user's
word at import (``trust=True``, ``--trust``, the panel's question). A file that was changed afterwards has another
digest and is refused, whatever its card says; so is a package that came from somewhere else.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TrustError
from . import locations

log = logging.getLogger(__name__)

TRUST_FILE = "trusted-programs.json"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class TrustedProgram:
    """One line of the list: the file's digest, the model it came with, and when (UTC, ISO 8601) it was trusted."""

    digest: str
    model: str = ""
    since: str = ""


def trust_file() -> Path:
    """The list's file, beside the user's models. It need not exist.

    Where a list from before XDG_DATA_HOME was set is the only one, it is that.
    """
    file = locations.user_model_folder() / TRUST_FILE
    earlier = [folder / TRUST_FILE for folder in locations.earlier_folders()]
    return next((each for each in (file, *earlier) if each.exists()), file)


def ask_for_trust(name: str, trust: bool) -> None:
    """What an importer calls before it touches a program.

    Raises:
        TrustError: ``trust`` is False; the message says what trusting means.
    """
    if not trust:
        raise TrustError(
            f"'{name}' is a program: running it runs its author's code with your rights, over all your files.",
            "If you trust where it comes from, import it again with --trust (trust=True). It is then known by its "
            "digest, and any other or changed file is still refused.",
        )


def trusted_programs(file: Path | None = None) -> list[TrustedProgram]:
    """The list, oldest first. A damaged list trusts nothing."""
    return [
        TrustedProgram(digest, str(entry.get("model", "")), str(entry.get("since", "")))
        for digest, entry in _read(file or trust_file()).items()
    ]


def check_trusted(digest: str, name: str, file: Path | None = None) -> None:
    """Refuses a program whose SHA-256 digest is not on the list.

    Raises:
        TrustError: it is not.
    """
    if digest not in _read(file or trust_file()):
        raise TrustError(
            f"The network of '{name}' is a program that was not trusted on this computer, or that was changed since.",
            "If you trust where it comes from, import the model again with --trust.",
            f"SHA-256 {digest}",
        )


def trust_program(digest: str, model: str, file: Path | None = None) -> None:
    """Adds a program to the list.

    Raises:
        OutputError: the list cannot be written.
        ValueError: not a SHA-256 digest.
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a SHA-256 digest has 64 hexadecimal digits")
    file = file or trust_file()
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    _write(file, {**_read(file), digest: {"model": model, "since": since}})


def revoke(digest: str, file: Path | None = None) -> bool:
    """Takes a program off the list; False when it was not on it.

    Raises:
        OutputError: the list cannot be written.
    """
    file = file or trust_file()
    programs = _read(file)
    if programs.pop(digest, None) is None:
        return False
    _write(file, programs)
    return True


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ValueError("far too large")
        programs = json.loads(file.read_text(encoding="utf-8"))["programs"]
        return {k: v for k, v in programs.items() if _DIGEST.fullmatch(k) and isinstance(v, dict)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("the list of trusted programs, %s, cannot be read, so none is trusted: %s", file, error)
        return {}


def _write(file: Path, programs: dict[str, dict[str, Any]]) -> None:
    from ..io.atomic import atomic_path, output_error

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(file, error) from error
    with atomic_path(file) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({"programs": programs}, indent=1) + "\n", encoding="utf-8")
