"""Keeping the protocol's pipes to ourselves.

Libraries print, from Python and from C; a single such line on stdout would break the protocol. So the real stdin and
stdout are moved to private descriptors before anything else is imported, and what everybody knows as stdout from then
on is stderr.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Channel:
    """The two private ends: requests come from ``input``, events go to ``output`` (unbuffered)."""

    input: BinaryIO
    output: BinaryIO


def claim_stdio() -> Channel:
    """Moves descriptors 0 and 1 away; 0 becomes the null device and 1 the same as 2, for Python and for C.

    On Windows it also matters that no other thread's library finds our pipe as its standard input: asking the system
    about a pipe on which a read is pending blocks, and some libraries do so while they load.
    """
    sys.stdout.flush()
    # Duplicates are not inheritable, so no child can hold our pipes open.
    source, target = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Channel(os.fdopen(source, "rb"), os.fdopen(target, "wb", buffering=0))
