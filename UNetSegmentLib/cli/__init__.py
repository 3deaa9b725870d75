"""The command line, a thin layer over the library.

Each command is a small module; torch and its friends load inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations


def main() -> None:
    """The console script ``unetsegment``."""
    from .app import app

    app()
