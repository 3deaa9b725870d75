"""How downloads are made: proxies, patience, how often to try again."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from ... import version


@dataclass(frozen=True)
class DownloadSettings:
    """One place for everything that a hospital's network may ask to be different.

    Args:
        proxies: ``{"https": "http://proxy:3128", "http": ...}``; an empty mapping uses none; None takes what the
            system and the usual environment variables say.
        timeout: seconds without a byte after which a connection counts as dead.
        pauses: seconds to wait before the second, third, ... attempt; one attempt more than pauses. Attempts count
            anew after every byte that arrived.
        longest_pause: seconds; the most that a server's own ``Retry-After`` can ask for.
        spare_bytes: what must stay free on the disk.
        chunk: bytes that are read at once.
    """

    proxies: Mapping[str, str] | None = None
    timeout: float = 30.0
    pauses: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    longest_pause: float = 30.0
    spare_bytes: int = 256 * 1024**2
    chunk: int = 1 << 18

    def proxies_in_use(self) -> dict[str, str]:
        """The proxies that will be used, by scheme."""
        return dict(urllib.request.getproxies() if self.proxies is None else self.proxies)


def user_agent() -> str:
    """How the downloads introduce themselves."""
    return f"unetsegment/{version.__version__}"
