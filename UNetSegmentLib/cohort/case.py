"""What a cohort is made of: cases, and what was found beside them and left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ..errors import InputError, UNetSegmentError
from ..io.dicomweb.server import Server


@dataclass(frozen=True, slots=True)
class Remote:
    """A series on a DICOMweb server: UIDs, and how many instances the server said that it has."""

    server: Server
    study: str
    series: str
    instances: int

    def __str__(self) -> str:
        return f"{self.server.url}/studies/{self.study}/series/{self.series}"


@dataclass(frozen=True, slots=True)
class Source:
    """One image: a file, or a series (by its UID, number or description) in a folder of DICOM files.

    Args:
        path: where it lies, a folder or a file, which stands for its series; of one that is ``remote``, where it is put
            when its turn comes.
        remote: where it is fetched from.
        files: of a series, relative to its folder, where that holds others too or ``path`` is one of them; empty for
            all that ``path`` holds.
    """

    path: Path
    series: str = ""
    remote: Remote | None = None
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.remote or self.path)


@dataclass(frozen=True, slots=True)
class CohortCase:
    """One case.

    Args:
        name: tells it from all others; plain enough for a file name.
        images: the image, or one for each input channel of the model.
        roi: region in the words of the command line; empty for the whole image.
        reference: a segmentation to compare with.
        origin: where it stood (an argument, a line of a table), for people.
    """

    name: str
    images: tuple[Source, ...]
    roi: str = ""
    reference: Path | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was found and is not run, and why: the texts of an error, under its code."""

    name: str
    path: Path
    cause: str
    cure: str
    code: str = InputError.code

    @classmethod
    def because(cls, name: str, path: Path, error: UNetSegmentError) -> LeftOut:
        """What an error says."""
        return cls(name, path, error.cause, error.cure, error.code)


@dataclass(frozen=True)
class Found:
    """All that the inputs hold. ``cases`` have names of their own; ``notes`` are sentences for people."""

    cases: tuple[CohortCase, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    def joined(self, *others: Found) -> Found:
        """All together."""
        every = (self, *others)
        return Found(
            tuple(chain.from_iterable(found.cases for found in every)),
            tuple(chain.from_iterable(found.left_out for found in every)),
            tuple(chain.from_iterable(found.notes for found in every)),
        )
