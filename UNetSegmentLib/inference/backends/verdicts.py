"""What trials of backends found, kept from one run to the next."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import platform
import secrets
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .compiled_cache import compiled_folder
from .conversion import CONVERSION
from .installed import version_of

log = logging.getLogger(__name__)

_FILE = "verdicts.json"
_MOST = 1000
_LEAST_GAIN = 0.1  # a smaller one is not worth another program's quirks
_TYPES = {"agrees": bool, **dict.fromkeys(("note", "model", "tile", "versions"), str)}


@dataclass(frozen=True)
class Verdict:
    """A comparison of two backends on the same tiles of one network, on one machine.

    Args:
        agrees: whether the quicker one's answer may be used in place of the other's.
        difference: root mean square of their difference, over the standard deviation of the reference.
        reference_seconds, seconds: for one tile of a batch, through all folds and mirrors.
        setup_seconds: to convert and compile all networks.
        note: why it is not used, if so.
        model, tile, threads: what was compared, for people: name and version, "40 x 56 x 40", threads of both.
        versions: of both packages, and of our conversion.
        when: seconds since 1970.
    """

    agrees: bool
    difference: float = 0.0
    reference_seconds: float = 0.0
    seconds: float = 0.0
    setup_seconds: float = 0.0
    note: str = ""
    model: str = ""
    tile: str = ""
    threads: int = 0
    versions: str = ""
    when: float = 0.0

    @property
    def is_better(self) -> bool:
        """Whether the quicker one is used."""
        return self.agrees and self.seconds < (1 - _LEAST_GAIN) * self.reference_seconds

    @property
    def gain(self) -> float:
        """How many times as quick the other one is; 0 where it did not run."""
        return self.reference_seconds / self.seconds if self.seconds else 0.0

    @property
    def is_current(self) -> bool:
        """Whether it still counts: with other versions the trial is made again."""
        return self.versions == _versions()


def machine_key() -> str:
    """The processor and the versions that a timing depends on."""
    return "/".join([processor(), str(os.cpu_count()), _versions()])


def _versions() -> str:
    versions = [f"{package} {version_of(package)}" for package in ("torch", "openvino")]
    return ", ".join([*versions, f"conversion {CONVERSION}"])


class VerdictBook:
    """Verdicts by key, and the seconds that were spent without one, in one small JSON file.

    Nothing here fails a run: a file that cannot be read is as if empty, one that cannot be written is not.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or compiled_folder()

    def find(self, key: str) -> Verdict | None:
        return _verdict_of(self._read().get(_short(key), {}))

    def all(self) -> list[Verdict]:
        """Every verdict that is kept, the last one first."""
        found = (_verdict_of(entry) for entry in self._read().values())
        return sorted((verdict for verdict in found if verdict is not None), key=lambda verdict: -verdict.when)

    def record(self, key: str, verdict: Verdict) -> None:
        """Keeps a verdict, with the versions and the time of now."""
        self._update(key, {**asdict(verdict), "versions": _versions(), "when": round(time.time())})

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


def _verdict_of(entry: dict[str, Any]) -> Verdict | None:
    known = {f.name: entry[f.name] for f in fields(Verdict) if f.name in entry}
    sound = all(isinstance(value, _TYPES.get(name, int | float)) for name, value in known.items())
    return Verdict(**known) if sound and "agrees" in known else None


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


@functools.cache
def processor() -> str:
    """The processor's name as its maker calls it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()
