"""``python -m UNetSegmentLib.worker``: a worker on this process's stdin and stdout."""

from __future__ import annotations

from .stdio import claim_stdio


def main() -> None:
    """Serves until told to stop; never returns."""
    channel = claim_stdio()
    from .engine import CoreEngine
    from .process import serve

    serve(CoreEngine(), channel)


if __name__ == "__main__":
    main()
