"""The command line, a thin layer over the library.

Each command is a small module; torch and its friends load inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

_COLLECTED_AFTER = 100_000  # objects


def main() -> None:
    """The console script ``unetsegment``."""
    import sys

    try:
        _run()
    except KeyboardInterrupt:  # before the command has begun to listen for it
        sys.exit(130)


def _run() -> None:
    import gc
    import sys

    from .commands import app_for
    from .terminal.clock import process_clock
    from .terminal.streams import StreamError, standard_output

    # Nearly all that a command makes is loaded code, and none of that is garbage: looking through it for some every 700
    # new objects, as Python does by itself, takes a tenth of the start. Tensors are freed without being looked for.
    gc.set_threshold(_COLLECTED_AFTER, 20, 100)
    try:
        try:
            app_for(sys.argv[1:])(obj=process_clock())
        except OSError as error:
            # Help texts and the version are written by others.
            raise standard_output().lost(error) from error
        finally:
            # What they left in the buffer must not fail behind our back.
            standard_output().flush()
    except StreamError as error:
        if not error.closed:
            print(f"Error: {error.cause}", file=sys.stderr)
        sys.exit(error.exit_code)
