"""What a data set looks like in numbers, taken once before a training is planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...io.atomic import atomic_path
from ...io.json_files import read_json
from ...models import typed_json
from ...models.card import StructureSize, TrainingFingerprint
from ...preprocessing.preparation import nonzero_box
from ...progress import CancelToken, ProgressCallback, Stage
from ...volume import Segmentation, Volume, notes_of
from ..layouts import Dataset, read_case
from .structures import Extent, extents, on_card, sizes

# Enough voxels of each case for percentiles, few enough to keep those of all cases.
_SAMPLE = 10_000
_LARGEST = 300
_MEDIAN_OF = 1_000_000
# Cases whose structures are measured: a median needs no more, and distance transforms of a hundred labels take time.
_MEASURED = 20
_PERCENTILES = (0.5, 50.0, 99.5)


@dataclass(frozen=True)
class Intensities:
    """Of one channel inside the labels (inside the whole image where a case has none), over all cases."""

    mean: float
    std: float
    minimum: float
    maximum: float
    percentile_00_5: float
    median: float
    percentile_99_5: float


@dataclass(frozen=True)
class Fingerprint:
    """What planning needs to know.

    Args:
        cases: names of those that were looked at.
        shapes, spacings: of each, array order (z, y, x) and mm, in the patient's axes (``orientation``) unless flat.
        flat: every image is one slice.
        physical: some image's spacing differs from 1 mm, so that spacing means something.
        intensities: one for each channel.
        voxels: by label value (as text, for JSON), over all cases; 0 is background.
        present: by label value, in how many cases it occurs.
        ignored: share of voxels that are not judged.
        cropped: median share of an image that is left when borders of zeros are cut off.
        orientation: axes in which shapes and spacings are given, None for flat images.
        modality: as the data set says.
        medians: for each channel the lowest and the highest of the cases' own medians, over the whole image.
        structures: sizes of what the data set names; empty for photographs, which have no size in mm.
        notes: what was chosen silently when the cases were read.
    """

    cases: tuple[str, ...]
    shapes: tuple[tuple[int, int, int], ...]
    spacings: tuple[tuple[float, float, float], ...]
    flat: bool
    physical: bool
    intensities: tuple[Intensities, ...]
    voxels: dict[str, int]
    present: dict[str, int]
    ignored: float
    cropped: float
    orientation: str | None
    modality: str
    medians: tuple[tuple[float, float], ...] = ()
    structures: tuple[StructureSize, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[int, ...]:
        """The label values that occur, without background."""
        return tuple(sorted(int(value) for value, count in self.voxels.items() if int(value) and count))

    def on_card(self, labels: Sequence[int]) -> TrainingFingerprint:
        """What a model's card keeps of it; ``labels`` are the values that the model finds."""
        inside = [(i.percentile_00_5, i.median, i.percentile_99_5) for i in self.intensities]
        return on_card(len(self.cases), inside, self.medians, self.structures, labels)

    @property
    def foreground(self) -> float:
        """Share of judged voxels that have a label."""
        total = sum(self.voxels.values())
        return 1.0 - self.voxels.get("0", 0) / total if total else 0.0


@dataclass(frozen=True)
class _Look:
    """One case's part of the fingerprint."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    sample: np.ndarray  # (channels, voxels)
    counts: dict[int, int]
    cropped: float
    medians: list[float]
    extents: dict[int, Extent] = field(default_factory=dict)


def take_fingerprint(
    data: Dataset,
    names: Sequence[str] | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Fingerprint:
    """Reads the named cases (all by default; of more than 300, as many evenly chosen ones).

    Raises:
        InputError: a case cannot be used, channels differ between cases, or no case holds a label.
    """
    names = list(data.names if names is None else names)
    if len(names) > _LARGEST:
        names = [names[n * len(names) // _LARGEST] for n in range(_LARGEST)]
    stage = Stage("fingerprint", len(names), progress, cancel)
    pairs, looks = [], []
    notes: dict[str, None] = {}
    for number, name in enumerate(names):
        volume, segmentation = read_case(data, name)
        look = _look(volume, segmentation, data.ignored, number)
        if number % -(-len(names) // _MEASURED) == 0:
            look = replace(look, extents=_extents(segmentation, data, look.counts))
        looks.append(look)
        pairs.append((name, volume.channels))
        notes.update(dict.fromkeys(notes_of([volume, segmentation])))
        stage.step(message=name)
    _check_channels(pairs)
    return replace(_joined(data, names, looks), notes=tuple(notes))


def save_fingerprint(fingerprint: Fingerprint, path: Path) -> None:
    """Writes it as JSON for people."""
    with atomic_path(path) as temporary:
        temporary.write_text(typed_json.readable(typed_json.to_json(fingerprint)) + "\n", encoding="utf-8")


def load_fingerprint(path: Path) -> Fingerprint:
    """Reads :func:`save_fingerprint`'s form."""
    return typed_json.from_json(Fingerprint, read_json(path))


def _look(volume: Volume, segmentation: Segmentation, ignored: int | None, seed: int) -> _Look:
    geometry = volume.geometry
    if min(geometry.shape) > 1:
        geometry = geometry.reoriented("LPS")[0]
    counts = np.bincount(segmentation.voxels.ravel())
    values = {int(v): int(counts[v]) for v in np.flatnonzero(counts) if int(v) != ignored}
    judged = segmentation.voxels != ignored if ignored is not None else np.ones(segmentation.voxels.shape, bool)
    inside = np.flatnonzero(((segmentation.voxels > 0) & judged).ravel())
    if not inside.size:
        inside = np.flatnonzero(judged.ravel())
    chosen = np.random.default_rng(seed).choice(inside, min(_SAMPLE, inside.size), replace=False)
    sample = volume.voxels.reshape(volume.channels, -1)[:, np.sort(chosen)].astype(np.float32)
    box = nonzero_box(volume.voxels)
    share = float(np.prod(box.shape) / np.prod(volume.geometry.shape))
    medians = [_median(channel) for channel in volume.voxels]
    return _Look(geometry.shape, geometry.array_spacing, sample, values, share, medians)


def _median(channel: np.ndarray) -> float:
    """Of a whole image, over a million evenly chosen voxels at most."""
    flat = channel.ravel()
    return float(np.median(flat[:: -(-flat.size // _MEDIAN_OF)]))


def _extents(segmentation: Segmentation, data: Dataset, values: Iterable[int]) -> dict[int, Extent]:
    spacing = segmentation.geometry.array_spacing
    if segmentation.geometry.shape[0] == 1 and not _is_physical(spacing):
        return {}
    groups = {region.value: region.values for region in data.regions} or {v: (v,) for v in values if v}
    return extents(segmentation.voxels, spacing, groups)


def _is_physical(spacing: Sequence[float]) -> bool:
    """Whether a spacing is another than the one that images have which know none."""
    return any(abs(s - 1.0) > 1e-6 for s in spacing)


def _check_channels(pairs: Sequence[tuple[str, int]]) -> None:
    first = pairs[0]
    for name, channels in pairs:
        if channels != first[1]:
            raise InputError(
                f"The case {name} has {channels} channels, {first[0]} has {first[1]}.",
                "All cases of a training need the same channels.",
            )


def _joined(data: Dataset, names: Sequence[str], looks: Sequence[_Look]) -> Fingerprint:
    values = sorted({0, *data.labels, *(v for look in looks for v in look.counts)})
    voxels = {str(v): sum(look.counts.get(v, 0) for look in looks) for v in values}
    if not any(count for value, count in voxels.items() if value != "0"):
        raise InputError(
            f"No case of {data.name} holds a label.", "Check that the right files were taken as label maps."
        )
    total = sum(int(np.prod(look.shape)) for look in looks)
    flat = all(look.shape[0] == 1 for look in looks)
    samples = np.concatenate([look.sample for look in looks], axis=1)
    return Fingerprint(
        cases=tuple(names),
        shapes=tuple(look.shape for look in looks),
        spacings=tuple(look.spacing for look in looks),
        flat=flat,
        physical=any(_is_physical(look.spacing) for look in looks),
        intensities=tuple(_statistics(channel) for channel in samples),
        voxels=voxels,
        present={str(v): sum(v in look.counts for look in looks) for v in values},
        ignored=1.0 - sum(voxels.values()) / total,
        cropped=float(np.median([look.cropped for look in looks])),
        orientation=None if flat else "LPS",
        modality=data.modality,
        medians=tuple((min(own), max(own)) for own in zip(*(look.medians for look in looks), strict=True)),
        structures=sizes([look.extents for look in looks]),
    )


def _statistics(channel: np.ndarray) -> Intensities:
    low, middle, high = (float(v) for v in np.percentile(channel, _PERCENTILES))
    numbers = channel.astype(np.float64)
    return Intensities(
        float(numbers.mean()), float(numbers.std()), float(channel.min()), float(channel.max()), low, middle, high
    )
