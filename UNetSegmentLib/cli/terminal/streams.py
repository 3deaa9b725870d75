"""Standard output and error as commands write to them: every letter arrives; a closed or full one is an error."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
from typing import Any, TextIO

from ...errors import OutputError

_SURROGATE = re.compile("[\ud800-\udfff]")


class StreamError(OutputError):
    """Standard output takes nothing more.

    Args:
        closed: nobody reads it any more (``| head``), which needs no words.
    """

    code = "no-standard-output"

    def __init__(self, error: OSError) -> None:
        self.closed = isinstance(error, BrokenPipeError)
        super().__init__(
            "Standard output could not be written.",
            "What goes there is lost; files that were written before are whole. Free some space, or send it elsewhere.",
            str(error),
        )


class SafeStream:
    """A text stream in front of another one.

    Letters that the stream's encoding lacks are written as escapes. After a failure the stream below is cut off, so
    that nothing fails a second time when the interpreter ends.

    Raises:
        StreamError: when writing or flushing fails.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "utf-8"
        fitting = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._stream.write(fitting)
        except OSError as error:
            raise self.lost(error) from error
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise self.lost(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def lost(self, error: OSError) -> StreamError:
        """Cuts the stream off after ``error``; the error to raise."""
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        return StreamError(error)


def standard_output() -> SafeStream:
    """Standard output as it is now (tests and pipes replace it)."""
    return SafeStream(sys.stdout)


def standard_error() -> SafeStream:
    """Standard error as it is now."""
    return SafeStream(sys.stderr)


def print_json(value: Any) -> None:
    """The one JSON document that a command prints on standard output: always valid UTF-8, always valid JSON.

    Half surrogates (bytes of a file name that are no UTF-8) stay as JSON's escapes, NaN becomes null, infinity "inf".
    """
    stream = standard_output()
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(_finite(value), ensure_ascii=ascii_only, indent=1, allow_nan=False)
    stream.write(_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
    stream.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
