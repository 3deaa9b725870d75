"""The whole command ``unetsegment``, with everything that it can do: see :mod:`.commands`."""

from __future__ import annotations

from .commands import make_app

app = make_app()
