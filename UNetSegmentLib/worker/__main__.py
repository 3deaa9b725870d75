"""``python -m UNetSegmentLib.worker [refine]``: a worker on this process's stdin and stdout; with ``refine`` one that
corrects masks, and imports no torch. ``far URL ...``, ``far-end`` and ``far-check URL``: see :mod:`.far`."""

from __future__ import annotations

import sys

from .far.launch import FAR, FAR_CHECK, FAR_END
from .serving.stdio import claim_stdio

REFINE = "refine"


def main() -> None:
    """Serves until told to stop; never returns.

    Raises:
        SystemExit: an argument that is not understood.
    """
    arguments = sys.argv[1:]
    if arguments[:1] in ([FAR], [FAR_CHECK]):
        _far(*arguments)
    elif arguments[:1] == [FAR_END] and arguments[1:] in ([], [REFINE]):
        channel = claim_stdio()
        from .far.far_end import FarEnd

        FarEnd(channel, refine=bool(arguments[1:])).run()
    elif arguments in ([], [REFINE]):
        _serve(refine=bool(arguments))
    else:
        sys.exit(f"A worker takes no argument, '{REFINE}', or '{FAR}' and the address of a host; not {arguments}.")


def _serve(refine: bool) -> None:
    channel = claim_stdio()
    from .serving.process import serve

    if refine:
        from .refining.engine import RefiningEngine

        serve(RefiningEngine(), channel)
    else:
        from .running.engine import CoreEngine

        serve(CoreEngine(), channel)


def _far(what: str, *arguments: str) -> None:
    from ..errors import UNetSegmentError
    from .far.options import far_options

    try:
        options = far_options(arguments)
    except UNetSegmentError as error:
        sys.exit(str(error))
    if what == FAR_CHECK:
        from .far.check import print_check

        print_check(options)
        return
    channel = claim_stdio()
    from .far.relay import Relay

    Relay(channel, options).run()


if __name__ == "__main__":
    main()
