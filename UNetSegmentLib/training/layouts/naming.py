"""Data sets whose label files name their segments: the names decide what is what, not the values."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...io.segment_names import folded, match_names, read_names
from ...labels import Label
from .dataset import Dataset

_IGNORE = "ignore"


def with_names(data: Dataset) -> Dataset:
    """The data set with the names that its label files give to their segments. Reads headers and tables, no voxels.

    Challenges whose values are fixed, and regions made of values, stay as they are.

    Raises:
        InputError: names that contradict each other or the data set's own; see
            :func:`UNetSegmentLib.io.segment_names.match_names`.
    """
    if data.values or data.regions:
        return data
    files = {case.name: read_names(case.label) for case in data.cases}
    ignored = {data.ignored: _IGNORE} if data.ignored is not None and data.labels else {}
    segments = match_names(files, {**data.labels, **ignored} if data.labels else None)
    labels = {label.value: label.name for label in segments.labels if label.value != data.ignored}
    return replace(
        data, segments=segments, labels=dict(sorted(labels.items())) or data.labels, notes=data.notes + segments.notes
    )


def numbered_like(data: Dataset, labels: Iterable[Label]) -> Dataset:
    """The data set in the numbering of a model: labels of equal name get the model's values.

    Where no name contradicts the values, or none is common to both, nothing changes. Labels that the model does not
    have get values that it does not use.
    """
    wanted = {folded(label.name): label.value for label in labels}
    common = [value for value, name in data.labels.items() if folded(name) in wanted]
    if data.regions or all(wanted[folded(data.labels[value])] == value for value in common):
        return data
    taken = {*wanted.values(), *([] if data.ignored is None else [data.ignored])}
    free = (value for value in itertools.count(1) if value not in taken)
    table = {0: 0, **({} if data.ignored is None else {data.ignored: data.ignored})}
    for value, name in data.labels.items():
        table[value] = wanted[folded(name)] if folded(name) in wanted else next(free)
    segments = tuple(replace(label, value=table[label.value]) for label in data.segments.labels)
    known = data.values or {value: value for value in table}
    return replace(
        data,
        labels={table[value]: name for value, name in data.labels.items()},
        segments=replace(data.segments, labels=segments),
        values={there: table[here] for there, here in known.items()},
    )


def unlike_names(data: Dataset, labels: Sequence[Label]) -> tuple[str, ...]:
    """A note on labels that are compared by their value though the model calls them otherwise."""
    names = {label.value: label.name for label in labels}
    unlike = [
        f"'{name}' with the model's '{names[value]}'"
        for value, name in data.labels.items()
        if value in names and folded(name) != folded(names[value])
    ]
    return (f"Compared by their values, since the names differ: {', '.join(unlike)}.",) if unlike else ()
