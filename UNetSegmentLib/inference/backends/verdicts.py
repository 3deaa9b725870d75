"""What trials of backends found, kept from one run to the next."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .compiled_cache import compiled_folder
from .conversion import CONVERSION
from .installed import version_of

log = logging.getLogger(__name__)

_FILE = "verdicts.json"
_MOST = 1000


@dataclass(frozen=True)
class Verdict:
    """A comparison of two backends on the same tiles of one network, on one machine.

    Args:
        agrees: whether the quicker one's answer may be used in place of the other's.
        difference: root mean square of their difference, over the standard deviation of the reference.
        reference_seconds, seconds: for one tile of a batch, through all folds and mirrors.
        setup_seconds: to convert and compile all networks.
        note: why it is not used, if so.
    """

    agrees: bool
    difference: float = 0.0
    reference_seconds: float = 0.0
    seconds: float = 0.0
    setup_seconds: float = 0.0
    note: str = ""


def machine_key() -> str:
    """The processor and the versions that a timing depends on."""
    versions = [f"{package}-{version_of(package)}" for package in ("torch", "openvino")]
    return "/".join([_processor(), str(os.cpu_count()), *versions, str(CONVERSION)])


class VerdictBook:
    """Verdicts by key, and the seconds that were spent without one, in one small JSON file.

    Nothing here fails a run: a file that cannot be read is as if empty, one that cannot be written is not.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or compiled_folder()

    def find(self, key: str) -> Verdict | None:
        entry = self._read().get(_short(key), {})
        known = {f.name: entry[f.name] for f in fields(Verdict) if f.name in entry}
        types = {"agrees": bool, "note": str}
        sound = all(isinstance(value, types.get(name, int | float)) for name, value in known.items())
        return Verdict(**known) if sound and "agrees" in known else None

    def record(self, key: str, verdict: Verdict) -> None:
        self._update(key, asdict(verdict))

    def spent(self, key: str) -> float:
        """Seconds that runs have spent so far in the slower backend for want of a trial."""
        value = self._read().get(_short(key), {}).get("spent", 0.0)
        return float(value) if isinstance(value, int | float) else 0.0

    def add_spent(self, key: str, seconds: float) -> None:
        self._update(key, {"spent": round(self.spent(key) + seconds, 2)})

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            data = json.loads((self._folder / _FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {k: v for k, v in data.items() if isinstance(v, dict)} if isinstance(data, dict) else {}

    def _update(self, key: str, entry: dict[str, Any]) -> None:
        data = self._read()
        data.pop(_short(key), None)
        data[_short(key)] = entry
        while len(data) > _MOST:
            data.pop(next(iter(data)))
        temporary = self._folder / f".{secrets.token_hex(4)}.tmp"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")
            temporary.replace(self._folder / _FILE)
        except OSError as error:
            log.info("the verdict about a backend could not be kept: %s", error)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()
