"""``python -m UNetSegmentLib.worker [refine]``: a worker on this process's stdin and stdout; with ``refine`` one that
corrects masks, and imports no torch."""

from __future__ import annotations

import sys

from .serving.stdio import claim_stdio

REFINE = "refine"


def main() -> None:
    """Serves until told to stop; never returns.

    Raises:
        SystemExit: an argument that is not understood.
    """
    arguments = sys.argv[1:]
    if arguments not in ([], [REFINE]):
        sys.exit(f"A worker takes no argument, or '{REFINE}'; not {arguments}.")
    channel = claim_stdio()
    from .serving.process import serve

    if arguments:
        from .refining.engine import RefiningEngine

        serve(RefiningEngine(), channel)
    else:
        from .running.engine import CoreEngine

        serve(CoreEngine(), channel)


if __name__ == "__main__":
    main()
