"""What a user asks of a correction, and what came of it in words."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from slicer.i18n import tr as _

from .target import Target


@dataclass
class Job:
    """Something that the user asked for: a prompt, or (without one) an edit to be taken back.

    Args:
        target: what it speaks of, as it was when it was asked for.
        prompt: None to take ``number`` back, or everything when that is None too.
        done: called when it has ended, however.
    """

    target: Target
    prompt: object = None
    number: int | None = None
    done: Callable[[], None] = lambda: None
    began: float = field(default_factory=time.monotonic)


def told(change, kept: int, seconds: float) -> str:
    """What an answer did, in words."""
    if change.empty:
        text = _("Nothing to change there ({seconds} s).").format(seconds=f"{seconds:.1f}")
    else:
        text = _("Corrected {count} voxels in {seconds} s.").format(
            count=change.voxels - kept if change.voxels > kept else change.voxels, seconds=f"{seconds:.1f}"
        )
    if kept:
        text += " " + _("The editor's masks kept {count} voxels as they were.").format(count=kept)
    return " ".join([text, *change.notes])
