"""A case's results: a folder that is there whole or not at all, and the case's record.

A folder that an earlier run wrote is replaced. Where somebody has changed a file of it since, such as a corrected
segmentation, it is kept under another name.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...errors import OutputError, UNetSegmentError
from ...inference import SegmentationResult
from ...io.atomic import output_error
from ...io.case_names import kept_name
from ...models.staging import staging_folder
from ...volume import Segmentation
from ..corrected import digest_of, digests_in
from ..job import DICOM, CohortJob
from ..journal import FOLDER
from ..leftovers import STAGING
from ..record import CASE, REPORT, SEGMENTATION, Record, SegmentSize, Status
from .failures import CaseFolderError, at_case_folder, now, without_dice
from .reading import ReadCase
from .scoring import dice_with

log = logging.getLogger(__name__)

PREVIEW, PROBABILITIES = "preview.png", "probabilities.nii.gz"


def write_case(read: ReadCase, result: SegmentationResult, job: CohortJob, digest: str, output: Path) -> Record:
    """Writes a case's folder.

    Args:
        digest: of the job.
        output: folder of the run; the case's own lies in it.

    Raises:
        CaseFolderError: a folder of its name cannot be put there.
        OutputError: nothing can be written.
    """
    started = time.perf_counter()
    target = output / read.case.name
    record = _record(read, result, job, digest)
    staging = output / FOLDER / STAGING
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with staging_folder(staging) as folder:
            new = folder / "case"
            new.mkdir()
            notes = _fill(new, read, result, job)
            with at_case_folder(target):
                kept = _keep_changed(target)
            notes += [f"The earlier result was changed by somebody and is kept as '{kept.name}'."] if kept else []
            seconds = read.seconds + result.timings.get("total", 0.0) + time.perf_counter() - started
            record = replace(record, warnings=record.warnings + tuple(notes), seconds=round(seconds, 3))
            _write_case_file(new, record, result)
            with at_case_folder(target):
                _swap(new, target, folder / "old")
    except OSError as error:
        raise output_error(target, error) from error
    return record


def _fill(folder: Path, read: ReadCase, result: SegmentationResult, job: CohortJob) -> list[str]:
    """Writes the files; a picture that cannot be drawn is told and no reason to lose the segmentation."""
    from ...io import write_segmentation, write_volume

    if job.ending == DICOM:
        notes = _write_dicom(folder, read, result, job.dicom)
    else:
        algorithm = f"{result.settings['model']} {result.settings['model_version']}"
        write_segmentation(result.segmentation, folder / f"{SEGMENTATION}{job.ending}", algorithm=algorithm)
        notes = []
    if job.probabilities and result.probabilities is not None:
        write_volume(result.probabilities, folder / PROBABILITIES)
    if not job.preview:
        return notes
    try:
        from ...reporting.pictures.thumbnail import write_thumbnail

        write_thumbnail(read.volumes[0], result.segmentation, folder / PREVIEW, read.region)
    except OutputError:
        raise
    except UNetSegmentError as error:
        return [*notes, f"There is no preview: {error}"]
    return notes


def _write_dicom(folder: Path, read: ReadCase, result: SegmentationResult, kind: str) -> list[str]:
    """A SEG on the case's series, and the report that refers to it; nothing but a note where nothing was found."""
    from ...io.dicom_objects import author_of, source_of, write_report, write_seg
    from ...io.dicom_objects.numbering import numbering_notes
    from ...reporting.dicom.report import measured_segments

    first = read.case.images[0]
    source = source_of(first.path, first.series or None)
    if not result.segmentation.voxels.any():
        return ["Nothing was found, so there is no DICOM segmentation."]
    author = author_of(result.settings)
    seg = write_seg(result.segmentation, source, folder / f"{SEGMENTATION}{DICOM}", author, kind)
    modality = str(getattr(source.files[0], "Modality", ""))
    segments = measured_segments(result.segmentation, read.volumes[0], kind, modality)
    write_report(segments, seg, source, folder / REPORT, author)
    return list(numbering_notes(result.segmentation, kind))


def _record(read: ReadCase, result: SegmentationResult, job: CohortJob, digest: str) -> Record:
    estimate = _quality(result) if job.quality else None
    scores, notes = _scores(read, result)
    return Record(
        case=read.case.name,
        status=Status.DONE,
        inputs=tuple(str(source) for source in read.case.images),
        stamp=read.stamp,
        content=read.content,
        job=digest,
        folder=read.case.name,
        segments=_segments(result.segmentation, scores),
        quality=estimate,
        warnings=(*result.warnings, *notes),
        finished=now(),
        uids=read.uids,
    )


def _scores(read: ReadCase, result: SegmentationResult) -> tuple[dict[int, float], tuple[str, ...]]:
    """Dice, and notes on the reference; a reference that cannot be compared is told and no reason to lose the
    segmentation."""
    if read.no_reference:
        return {}, (read.no_reference,)
    try:
        return dice_with(result.segmentation, read.reference, read.region)
    except Exception as error:
        return {}, (without_dice(read.case, error),)


def _segments(segmentation: Segmentation, scores: Mapping[int, float]) -> tuple[SegmentSize, ...]:
    from ...reporting import SizeKind, measure

    rows = []
    for one in measure(segmentation):
        size, unit = {
            SizeKind.VOLUME: (one.volume_ml, "mL"),
            SizeKind.AREA: (one.area_mm2, "mm²"),
            SizeKind.PIXELS: (None, "px"),
        }[one.kind]
        # Not by decimals: a cell has 1e-12 mL, a liver 1500.
        size = None if size is None else float(f"{size:.5g}")
        rows.append(SegmentSize(one.label.value, one.label.name, one.voxels, size, unit, scores.get(one.label.value)))
    return tuple(rows)


def _quality(result: SegmentationResult) -> float | None:
    from ...refinement.doubts.quality import quality_of_probabilities

    if result.probabilities is None:
        return None
    values = [label.value for label in result.segmentation.labels]
    estimate = quality_of_probabilities(result.segmentation, result.probabilities, [0, *values]).estimate
    return None if estimate is None else round(estimate, 4)


def _write_case_file(folder: Path, record: Record, result: SegmentationResult) -> None:
    """The record, how it was done, and digests of the files, by which a later run sees that somebody changed one."""
    digests = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    value = {**record.to_json(), "settings": result.settings, "timings": result.timings, "files": digests}
    text = json.dumps(value, indent=1, default=str, ensure_ascii=False)
    # A name that is no UTF-8 is written as JSON's escapes.
    (folder / CASE).write_bytes(text.encode("utf-8", "backslashreplace"))


def _keep_changed(folder: Path) -> Path | None:
    """Moves a folder away in which a file is not as a run wrote it; returns where it is then.

    Raises:
        CaseFolderError: what lies there is no folder, so that no run has made it.
        OSError: it cannot be looked at or moved.
    """
    if not _there(folder):
        return None
    if not folder.is_dir():
        raise CaseFolderError(
            f"'{folder}' is a file of somebody, and the results would lie there.",
            "Move it away or give the case another name; --retry-failed runs it again.",
        )
    if not _changed(folder):
        return None
    number = 1
    while (kept := folder.with_name(kept_name(folder.name, number))).exists():
        number += 1
    folder.replace(kept)
    log.warning("'%s' was changed since it was written and is kept as '%s'", folder.name, kept.name)
    return kept


def _there(path: Path) -> bool:
    """Whether anything has this name, links that lead nowhere too.

    Raises:
        OSError: the system does not say.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _swap(new: Path, target: Path, old: Path) -> None:
    """Puts ``new`` in the place of an earlier result. That one goes by way of ``old``, in the staging folder: where a
    killed run leaves it, it is known for a remainder."""
    if not _there(target):
        new.replace(target)
        return
    target.replace(old)
    try:
        new.replace(target)
    except OSError:
        old.replace(target)
        raise


def _changed(folder: Path) -> bool:
    try:
        digests = digests_in(folder)
        there = {path.name for path in folder.iterdir()} - {CASE}
        return there != set(digests) or any(digest_of(folder / name) != digest for name, digest in digests.items())
    except (OSError, ValueError, KeyError, TypeError):
        return True
