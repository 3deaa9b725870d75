"""Whether a folder may take the results: no file of others is written over, no result is taken for an image."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from ..errors import OutputError
from .joining import has_results
from .own_files import CSV, PAGE, PARQUET


def check_target(output: Path, inputs: Iterable[str | Path]) -> None:
    """Refuses a folder in which table or page would be written over somebody's own file, such as the list of the cases,
    and one whose images are read: the next run would read the segmentations too.

    Args:
        output: folder of the run, which need not be there yet.
        inputs: paths that the run reads.

    Raises:
        OutputError: it is such a folder; what is in the way is named.
    """
    written = [path for path in (output / name for name in (CSV, PARQUET, PAGE)) if path.exists()]
    for given in map(Path, inputs) if output.exists() else ():
        if _same(given, output):
            raise OutputError(
                f"The images of '{given}' are read, and the results would lie among them: the next run would take them "
                "for images.",
                f"Choose another folder with -o, such as '{output / 'results'}'.",
            )
        if any(_same(given, path) for path in written):
            raise OutputError(
                f"'{given}' is read, and the results would be written over it.",
                "Give the list another name, or choose another folder with -o.",
            )
    if written and not has_results(output):
        raise OutputError(
            f"'{written[0]}' is there already, and is of no cohort run: it would be written over.",
            "Choose another folder with -o, or move the file away.",
        )


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False
