"""Data sets whose label files name their segments: the names decide what is what, not the values."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...io.case_names import image_ending
from ...io.segment_codes import matched
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
    declared = {**data.labels, **ignored} if data.labels else None
    segments = match_names(files, declared, loose=[case.name for case in data.cases if not image_ending(case.label)])
    labels = {label.value: label.name for label in segments.labels if label.value != data.ignored}
    return replace(
        data, segments=segments, labels=dict(sorted(labels.items())) or data.labels, notes=data.notes + segments.notes
    )


def numbered_like(data: Dataset, labels: Iterable[Label]) -> Dataset:
    """The data set in the numbering of a model: labels of equal code or name get the model's values.

    Where no name contradicts the values, or none is common to both, nothing changes. Labels that the model does not
    have get values that it does not use.
    """
    labels = tuple(labels)
    known_terms = {label.value: label for label in data.segments.labels}
    ours = [replace(known_terms.get(value, Label(value, name)), name=name) for value, name in data.labels.items()]
    wanted = matched(ours, labels)
    if data.regions or all(there == here for there, here in wanted.items()):
        return data
    taken = {*(label.value for label in labels), *([] if data.ignored is None else [data.ignored])}
    free = (value for value in itertools.count(1) if value not in taken)
    table = {0: 0, **({} if data.ignored is None else {data.ignored: data.ignored})}
    for value in data.labels:
        table[value] = wanted[value] if value in wanted else next(free)
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
