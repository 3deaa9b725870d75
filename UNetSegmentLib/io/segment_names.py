"""Which segments of several files are the same: by their names, where files have names.

Programs number segments as they like: in Slicer, ``liver`` is 1 in one file and 2 in the next. What stays is the name.
Files without names (a plain label image) have nothing but their values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import InputError, UNetSegmentError
from ..labels import Label
from ..volume import Segmentation, values_in
from . import seg_nrrd
from .case_names import image_ending, plain_text
from .label_names import find_label, folded, listed
from .label_table import read_label_table, table_path
from .plain_files import is_folder
from .segment_codes import Key, named_by, names_by_code

__all__ = [
    "NRRD_ENDINGS",
    "SegmentNames",
    "find_segment",
    "folded",
    "known_segments",
    "match_names",
    "read_algorithms",
    "read_names",
    "same_names",
]

NRRD_ENDINGS = (".nrrd", ".nhdr", ".seg.nrrd", ".seg.nhdr")


@dataclass(frozen=True)
class SegmentNames:
    """What the segments of several files have in common.

    Args:
        labels: one for each name; its value is that of the common numbering. Empty: there are no names, or they
            change nothing, and values are compared.
        notes: sentences on what was matched, and how.
        codes: the name of segments that have a code, where files call them differently.
        left_out: names, :func:`folded`, of segments that become background.
    """

    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    codes: Mapping[Key, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def apply(self, segmentation: Segmentation, file: str) -> Segmentation:
        """The label map in the common numbering; one without names stays as it is.

        Raises:
            InputError: a segment that is not among ``labels``, or voxels that belong to no segment of the file.
        """
        if not self.labels or not segmentation.labels:
            return segmentation
        common = {folded(label.name): label for label in self.labels}
        table = {0: 0}
        labels = []
        for label in segmentation.labels:
            name = self.name_of(label)
            if name in common:
                labels.append(common[name])
            elif name not in self.left_out:
                raise InputError(
                    f"'{file}' has a segment '{label.name}', which the others do not have.", "Read the files again."
                )
            table[label.value] = common[name].value if name in common else 0
        voxels = _renumbered(segmentation.voxels, table, file)
        return replace(segmentation, voxels=voxels, labels=tuple(labels))

    def name_of(self, label: Label) -> str:
        """Under which name, :func:`folded`, a segment of a file is compared."""
        return folded(named_by(label, self.codes).name)

    def wanted(self, labels: Sequence[Label]) -> tuple[str, ...]:
        """What to read of a file with these labels: nothing where all of them count, else names or values."""
        kept = [label for label in labels if self.name_of(label) not in self.left_out]
        if len(kept) == len(labels):
            return ()
        names = [folded(label.name) for label in labels]
        return tuple(label.name if names.count(folded(label.name)) == 1 else str(label.value) for label in kept)


def read_names(path: Path | str) -> tuple[Label, ...]:
    """The labels that :func:`~.segmentations.read_segmentation` would find, out of the header or the table alone.

    Empty where the file has no names, or is no file that can be read (which reading it will say).

    Raises:
        InputError: a broken label table.
    """
    path = Path(path)
    if image_ending(path) in NRRD_ENDINGS:
        segments = seg_nrrd.parse(seg_nrrd.read_fields(path), path.name)
        if segments:
            return tuple(seg_nrrd.numbered(segments))
    if image_ending(path):
        return read_label_table(table_path(path))
    return _names_in_object(path) or (() if is_folder(path) else read_label_table(table_path(path)))


def _names_in_object(path: Path) -> tuple[Label, ...]:
    """Of a DICOM object, which has no ending that is sure."""
    from .dicom_objects.reading.objects import labels_in
    from .dicom_objects.reading.recognition import object_at

    try:
        found = object_at(path)
        return () if found is None else labels_in(found)
    except UNetSegmentError:
        return ()


def read_algorithms(path: Path | str) -> dict[int, seg_nrrd.Algorithm]:
    """What drew the segments of a ``.seg.nrrd``, by their values in the label map that is read from it; those that the
    file says nothing about, and other files, are left out.

    Raises:
        InputError: damaged segments in the header.
    """
    path = Path(path)
    segments = seg_nrrd.parse(seg_nrrd.read_fields(path), path.name)
    found = zip(segments, seg_nrrd.numbered(segments), strict=True)
    return {label.value: segment.algorithm for segment, label in found if segment.algorithm is not None}


def match_names(
    files: Mapping[str, Sequence[Label]],
    declared: Mapping[int, str] | None = None,
    where: str = "dataset.json",
    loose: Collection[str] = (),
) -> SegmentNames:
    """Finds one numbering for the segments of all files.

    Where all files have names, the name decides. Where only some have, the values decide, which must then agree with
    the names of those. ``declared`` names take the place of the files' order. Segments of one code are one segment,
    whatever they are called; see :mod:`.segment_codes`.

    Args:
        files: the labels of each file (:func:`read_names`) by what to call it; empty for one without names.
        declared: name by value, as the data set says.
        where: what declares them.
        loose: files that may name more than is declared, as structure sets of a clinic do; the rest of theirs is left
            out, where they have a declared name at all.

    Raises:
        InputError: two segments of one name in a file; names and values that contradict each other.
    """
    named = {file: labels for file, labels in files.items() if labels}
    if not named:
        return SegmentNames()
    codes = names_by_code(named, list((declared or {}).values()))
    said = _by_code(named, codes)
    named = {file: tuple(named_by(label, codes) for label in labels) for file, labels in named.items()}
    if declared:
        named, left_out = _without_undeclared(named, declared, loose, where)
        said += [f"Left out, since {where} does not name them: {listed(left_out.values())}."] if left_out else []
        for file, labels in named.items():
            _check_twice(file, labels)
        found = _declared(named, declared, where)
        return replace(found, notes=(*found.notes, *said), codes=codes, left_out=frozenset(left_out))
    for file, labels in named.items():
        _check_twice(file, labels)
    first, steady = _first_seen(named), _steady(named)
    bare = len(files) - len(named)
    if bare and not steady:
        raise _contradiction(named, next(file for file in files if not files[file]))
    if not steady:
        first = {key: replace(label, value=n) for n, (key, label) in enumerate(first.items(), start=1)}
    notes = [_matched(first.values(), steady), *_rare(named, first), *_spellings(named)]
    if bare:
        count = f"{bare} of {len(files)} label maps have" if bare > 1 else f"1 of {len(files)} label maps has"
        notes.append(f"{count} no names: there the values decide, as in the others.")
    return SegmentNames(tuple(first.values()), (*notes, *said), codes)


def _by_code(named: Mapping[str, Sequence[Label]], codes: Mapping[Key, str]) -> list[str]:
    """A note on what codes have brought together."""
    pairs: dict[str, None] = {}
    for labels in named.values():
        for label in labels:
            name = named_by(label, codes).name
            if folded(name) != folded(label.name):
                pairs[f"'{plain_text(label.name)}' = '{name}'"] = None
    return [f"Taken for one by their codes: {listed(pairs)}."] if pairs else []


def _without_undeclared(
    named: Mapping[str, Sequence[Label]], declared: Mapping[int, str], loose: Collection[str], where: str
) -> tuple[dict[str, Sequence[Label]], dict[str, str]]:
    """The files without what is not declared in loose ones, and the names of that as they are compared and written."""
    known = {folded(name) for name in declared.values()}
    kept: dict[str, Sequence[Label]] = dict(named)
    left_out: dict[str, str] = {}
    there = {folded(label.name) for file in loose for label in named.get(file, ())}
    if there and not there & known:
        file = next(file for file in loose if named.get(file))
        raise InputError(
            f"'{file}' has no segment that {where} names; it has {listed([label.name for label in named[file]])}.",
            f"Give the labels of {where} the names of the segments; they are {listed(declared.values())} now.",
        )
    for file in loose:
        labels = named.get(file, ())
        kept[file] = [label for label in labels if folded(label.name) in known]
        left_out |= {folded(label.name): f"'{label.name}'" for label in labels if folded(label.name) not in known}
    strict = {folded(label.name) for file, labels in kept.items() for label in labels}
    return kept, {key: name for key, name in left_out.items() if key not in strict}


def same_names(names: Collection[str], others: Collection[str]) -> set[str]:
    """What both name, as :func:`folded` compares."""
    return {folded(name) for name in names} & {folded(name) for name in others}


def _declared(named: Mapping[str, Sequence[Label]], declared: Mapping[int, str], where: str) -> SegmentNames:
    known = {folded(name): value for value, name in declared.items()}
    first = _first_seen(named)
    strange = [key for key in first if key not in known]
    if not strange:
        labels = tuple(
            replace(first[key], value=value, name=declared[value]) if key in first else Label(value, declared[value])
            for key, value in known.items()
        )
        return SegmentNames(labels, (_matched(labels, _steady(named)), *_rare(named, first)))
    moved = [f for f, labels in named.items() if any(known.get(folded(s.name), s.value) != s.value for s in labels)]
    if moved or not _steady(named):
        file = next(f for f, labels in named.items() if any(folded(label.name) == strange[0] for label in labels))
        raise InputError(
            f"'{file}' has a segment '{first[strange[0]].name}', which {where} does not name.",
            f"Add it to the 'labels' of {where}, or rename the segment; known are {listed(declared.values())}.",
        )
    words = listed([f"'{first[key].name}' is '{declared.get(first[key].value, '-')}'" for key in strange])
    return SegmentNames((), (f"The label maps have names of their own; those of {where} are taken: {words}.",))


def _first_seen(named: Mapping[str, Sequence[Label]]) -> dict[str, Label]:
    """Each name as it is written where it comes first."""
    first: dict[str, Label] = {}
    for labels in named.values():
        for label in sorted(labels, key=lambda label: label.value):
            first.setdefault(folded(label.name), replace(label, name=plain_text(label.name)))
    return first


def _steady(named: Mapping[str, Sequence[Label]]) -> bool:
    """Whether a name has the same value everywhere, and a value the same name."""
    pairs = {(folded(label.name), label.value) for labels in named.values() for label in labels}
    return len({name for name, _ in pairs}) == len(pairs) == len({value for _, value in pairs})


def _check_twice(file: str, labels: Sequence[Label]) -> None:
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.get(folded(label.name))
        if other is not None:
            raise InputError(
                f"'{file}' has two segments of one name ('{other}' and '{label.name}').",
                "Rename one of them, so that it is known which is meant.",
            )
        seen[folded(label.name)] = label.name


def _contradiction(named: Mapping[str, Sequence[Label]], bare: str) -> InputError:
    values: dict[str, tuple[str, Label]] = {}
    names: dict[int, tuple[str, Label]] = {}
    words = ""
    for file, labels in named.items():
        for label in labels:
            other = values.setdefault(folded(label.name), (file, label))
            another = names.setdefault(label.value, (file, label))
            if other[1].value != label.value and not words:
                words = f"'{label.name}' is {other[1].value} in '{other[0]}' and {label.value} in '{file}'"
            elif folded(another[1].name) != folded(label.name) and not words:
                words = f"{label.value} is '{another[1].name}' in '{another[0]}' and '{label.name}' in '{file}'"
    return InputError(
        f"Files number their segments in different ways ({words}), and '{bare}' has no names to go by.",
        "Save all of them with names (.seg.nrrd), or number all of them alike.",
    )


def _matched(labels: Collection[Label], steady: bool) -> str:
    words = listed([label.name for label in labels])
    return f"Segments are matched by their names ({words}){'' if steady else ': the files number them differently'}."


def _rare(named: Mapping[str, Sequence[Label]], first: Mapping[str, Label]) -> list[str]:
    """Names that are not in every file: a segment that is really absent, or a slip of the pen."""
    counts = {key: sum(any(folded(s.name) == key for s in labels) for labels in named.values()) for key in first}
    rare = [f"'{first[key].name}' in {count}" for key, count in counts.items() if count < len(named)]
    return [f"Not all of the {len(named)} files have every segment: {listed(rare)}."] if rare else []


def _spellings(named: Mapping[str, Sequence[Label]]) -> list[str]:
    spelled: dict[str, dict[str, None]] = {}
    for labels in named.values():
        for label in labels:
            spelled.setdefault(folded(label.name), {})[label.name] = None
    words = [" = ".join(f"'{name}'" for name in names) for names in spelled.values() if len(names) > 1]
    return [f"Taken for one name: {listed(words)}."] if words else []


def _renumbered(voxels: np.ndarray, table: Mapping[int, int], file: str) -> np.ndarray:
    if all(there == here for there, here in table.items()):
        return voxels
    present = values_in(voxels)
    strange = [value for value in present if value not in table]
    if strange:
        raise InputError(
            f"'{file}' holds the value {strange[0]}, to which none of its segments belongs.",
            "Save it again with Slicer, or correct the table beside it.",
        )
    lookup = np.zeros(max(present) + 1, np.uint8 if max(table.values()) <= 255 else np.uint16)
    for value in present:
        lookup[value] = table[value]
    return lookup[voxels]


def find_segment(segmentation: Segmentation, text: str, file: str) -> Label:
    """The segment that a person names, by its name or by its value; a name goes before a value.

    Args:
        file: what to call the segmentation in messages.

    Raises:
        InputError: there is none, or there are several of the name.
    """
    return find_label(known_segments(segmentation), text, file)


def known_segments(segmentation: Segmentation) -> tuple[Label, ...]:
    """Those of the table, and a plain label for each further value that occurs."""
    values = {label.value for label in segmentation.labels}
    further = [value for value in values_in(segmentation.voxels) if value and value not in values]
    return (*segmentation.labels, *(segmentation.label(value) for value in further))
