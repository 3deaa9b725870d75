"""What to look at first: failures, low overlap with a reference, empty results, doubtful ones."""

from __future__ import annotations

from collections.abc import Sequence

from ..record import Record, Status

# Below this Dice a result counts as failed in studies of failure detection (Zenk et al. 2024).
LOW_DICE = 0.7
_DOUBTFUL_SHARE = 0.1  # of the cases, those with the lowest estimates

FAILED, LOW, EMPTY, DOUBTFUL, NOTED, DONE, LEFT_OUT = (
    "failed",
    "low Dice",
    "empty",
    "doubtful",
    "with notes",
    "done",
    "left out",
)
ORDER = (FAILED, LOW, EMPTY, DOUBTFUL, NOTED, DONE, LEFT_OUT)


def lowest_dice(record: Record) -> float | None:
    """Of its segments; None without a reference."""
    return min((segment.dice for segment in record.segments if segment.dice is not None), default=None)


def by_urgency(records: Sequence[Record]) -> list[tuple[Record, str]]:
    """The records with one of :data:`ORDER` for each: what needs a look first, within a kind the worst first."""
    limit = _doubtful(records)
    judged = [(record, _kind(record, limit)) for record in records]
    return sorted(judged, key=lambda one: (ORDER.index(one[1]), _rank(*one), one[0].case))


def _doubtful(records: Sequence[Record]) -> float:
    """Estimates up to this one are doubtful; of a few cases none are."""
    estimates = sorted(record.quality for record in records if record.quality is not None)
    count = int(len(estimates) * _DOUBTFUL_SHARE)
    return estimates[count - 1] if count else -1.0


def _kind(record: Record, limit: float) -> str:
    if record.status is Status.FAILED:
        return FAILED
    if record.status is Status.LEFT_OUT:
        return LEFT_OUT
    dice = lowest_dice(record)
    if dice is not None and dice < LOW_DICE:
        return LOW
    if not any(segment.voxels for segment in record.segments):
        return EMPTY
    if record.quality is not None and record.quality <= limit:
        return DOUBTFUL
    return NOTED if record.notes else DONE


def _rank(record: Record, kind: str) -> float:
    if kind == LOW:
        return lowest_dice(record) or 0.0
    return record.quality if record.quality is not None else 1.0
