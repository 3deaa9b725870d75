"""Recipes one after the other, through packages that nobody sees, to one package that is whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..io.atomic import output_error
from ..models.package import load_model, swap_in
from ..models.staging import staging_folder
from .checking import check_licence, check_output
from .result import Compressed

Recipe = Callable[[str | Path, Path], Compressed]
"""From the source (name or path) to a package in a folder that does not exist yet."""


@dataclass(frozen=True)
class Step:
    """One recipe of a chain; ``name`` in words, for messages."""

    name: str
    run: Recipe


def compress(source: str | Path, output: str | Path, steps: Sequence[Step], force: bool = False) -> Compressed:
    """Runs the recipes in order, each on what the one before has made, and puts the last package at ``output``.

    Until then all packages lie in a hidden folder beside it, which goes whatever happens; one that a killed process
    left goes with the next run there.

    Args:
        steps: at least one.
        force: whether an older package at ``output`` may be replaced.

    Returns:
        What the whole chain did: scores and sizes before the first recipe and after the last one, notes of all.

    Raises:
        UNetSegmentError: what a recipe raises. Nothing has come to ``output`` then.
        OutputError: ``output`` is taken, or cannot be written.
    """
    output = Path(output)
    model = load_model(source)
    check_licence(model.card)
    check_output(output, model.folder, force)
    results: list[Compressed] = []
    try:
        with staging_folder(output.absolute().parent) as staging:
            current: str | Path = source
            for number, step in enumerate(steps):
                results.append(step.run(current, staging / f"{number}-{output.name}"))
                current = results[-1].package
            swap_in(Path(current), output)
    except OSError as error:
        raise output_error(output, error) from error
    return _together(results, output, [step.name for step in steps])


def _together(results: Sequence[Compressed], output: Path, names: Sequence[str]) -> Compressed:
    first, last = results[0], results[-1]
    if len(results) == 1:
        return replace(last, package=output)
    # Recipes that measured other cases than the last one say nothing about the sum.
    before = next(
        (r.before for r in results if r.before and last.after and r.before.cases == last.after.cases), last.before
    )
    notes = tuple(f"{name}: {note}" for name, r in zip(names, results, strict=True) for note in r.notes)
    return Compressed(
        package=output,
        kind="+".join(r.kind for r in results),
        before=before,
        after=last.after,
        bytes_before=first.bytes_before,
        bytes_after=last.bytes_after,
        notes=notes,
        seconds_before=next((r.seconds_before for r in results if r.seconds_before), 0.0),
        seconds_after=last.seconds_after,
    )
