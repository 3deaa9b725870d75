"""Who drew the segments of a file: a model, a person with its help, a person; whatever the format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .dicom_objects.author import Author
from .plain_files import is_folder
from .seg_nrrd import Algorithm
from .segment_names import NRRD_ENDINGS, read_algorithms


def read_authors(path: Path) -> dict[int, Author]:
    """By label values of the segmentation that is read from the file; segments about which it states nothing, structure
    sets and label images are left out.

    Raises:
        InputError: a damaged header.
    """
    from .case_names import image_ending

    if not is_folder(path) and image_ending(path) in NRRD_ENDINGS:
        return {value: _author(algorithm) for value, algorithm in read_algorithms(path).items()}
    from .dicom_objects.reading.recognition import is_rtstruct, object_at
    from .dicom_objects.reading.seg_authors import seg_authors

    found = object_at(path)
    return {} if found is None or is_rtstruct(found) else seg_authors(found)


def algorithms_of(authors: Mapping[int, Author]) -> dict[int, Algorithm]:
    """The same as a ``.seg.nrrd`` states it."""
    return {value: Algorithm(words(author), author.kind) for value, author in authors.items()}


def words(author: Author) -> str:
    """Name and version."""
    return f"{author.name} {author.version}".strip()


def _author(algorithm: Algorithm) -> Author:
    kind = algorithm.kind.strip().upper()
    return Author(algorithm.name, corrected=kind == "SEMIAUTOMATIC", by_hand=kind == "MANUAL")
