"""Who drew what is converted: as the file states it, unless the command says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...text import shown

if TYPE_CHECKING:
    from ...io.dicom_objects import Author
    from ...labels import Label


@dataclass(frozen=True)
class Authors:
    """Who drew the segments.

    Args:
        main: of the whole, and of segments that ``of_segments`` (by label value) does not name.
        unstated: segments of which neither file nor command says it.
        rest: as the command says it, of segments of which the file states nothing; without a name where it does not.
    """

    main: Author
    of_segments: Mapping[int, Author]
    rest: Author
    unstated: tuple[Label, ...] = ()

    def words(self) -> str:
        """All of them, each once; empty where nothing is stated."""
        from ...io.drawn_by import words

        each = (words(one) or ("by hand" if one.by_hand else "") for one in (*self.of_segments.values(), self.rest))
        return ", ".join(dict.fromkeys(filter(None, each)))

    def note(self) -> tuple[str, ...]:
        """That a DICOM object states more than is known; DICOM demands it of each segment."""
        if not self.unstated:
            return ()
        from ...io.label_names import listed

        names = listed([f"'{shown(label.name, 60)}'" for label in self.unstated])
        kind = self.main.kind
        return (f"Nothing states who drew {names}: the object says {kind}. Say it with --name and --corrected.",)


def authors_for(path: Path, labels: Sequence[Label], name: str, corrected: bool) -> Authors:
    """Who drew the segments of a file.

    Args:
        labels: of the segments that are converted.
        name: of who made all of it; empty keeps the names that the file states. How it was made is kept.
        corrected: by hand, whatever the file states.

    Raises:
        InputError: a damaged header.
    """
    from ...io.dicom_objects import Author
    from ...io.drawn_by import read_authors

    values = {label.value for label in labels}
    stated = {value: one for value, one in read_authors(path).items() if value in values}
    of_segments = {value: _told(author, name, corrected) for value, author in stated.items()}
    unstated = () if name or corrected else tuple(label for label in labels if label.value not in stated)
    everybody = list(dict.fromkeys(of_segments.values()))
    # The whole has one author: that of all segments, or else this program, which put them together.
    main = everybody[0] if len(everybody) == 1 and len(of_segments) == len(labels) else None
    if main is None or (not main.name and not main.by_hand):
        main = Author(name or "UNetSegment", corrected=corrected)
    return Authors(main, of_segments, Author(name, corrected=corrected), unstated)


def _told(author: Author, name: str, corrected: bool) -> Author:
    if name:
        author = replace(author, name=name, version="", digest="")
    return replace(author, corrected=True, by_hand=False) if corrected else author
