"""``write_report``: measurements of segments as a DICOM structured report (TID 1500) that refers to their SEG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import InputError
from ....labels import CodedTerm, Label, Terminology
from ..author import MANUFACTURER, VERSION, Author
from ..needed import highdicom
from ..source import SourceSeries
from ..texts import meanings_of, set_character_set, short_text
from .descriptions import UNKNOWN, code_of, tracking_id, tracking_uid
from .new_series import about_series, new_series
from .saving import save

_SERIES_NUMBER = 902
_UNITS = {
    "mL": CodedTerm("UCUM", "mL", "milliliter"),
    "mm2": CodedTerm("UCUM", "mm2", "square millimeter"),
    "mm": CodedTerm("UCUM", "mm", "millimeter"),
    "HU": CodedTerm("UCUM", "[hnsf'U]", "Hounsfield unit"),
    "1": CodedTerm("UCUM", "1", "no units"),
}
_NAMES = {
    "volume": CodedTerm("SCT", "118565006", "Volume"),
    "area": CodedTerm("SCT", "42798000", "Area"),
    "diameter": CodedTerm("SCT", "81827009", "Diameter"),
    "mean": CodedTerm("SCT", "373098007", "Mean"),
}


@dataclass(frozen=True)
class Measurement:
    """One number of a segment: ``volume``, ``area``, ``diameter`` or ``mean`` (intensity), in mL, mm2, mm, HU or 1."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class MeasuredSegment:
    """A segment and its numbers; ``number`` is the segment's in the SEG."""

    label: Label
    number: int
    measurements: tuple[Measurement, ...]


def write_report(
    segments: Sequence[MeasuredSegment],
    seg: Path | str,
    source: SourceSeries,
    path: Path | str,
    author: Author,
    others: Mapping[int, Author] | None = None,
) -> Path:
    """Writes the report.

    Args:
        segments: what was measured.
        seg: the SEG that it refers to, by the same tracking identifiers.
        source: the series that both are about.
        author: who found the segments; ``others`` of single ones, by label value.

    Raises:
        InputError: nothing was measured, or headers lack what a report needs.
        DependencyError: highdicom is not installed.
        OutputError: it cannot be written.
    """
    if not segments:
        raise InputError("There is nothing to report.", "Check image, model and region.")
    highdicom()
    from pydicom import dcmread

    with about_series(source, "report", "Write the table of sizes (--table) in its place."):
        made = dcmread(seg, stop_before_pixels=True)
        authors = others or {}
        groups = [_group(one, made, source, authors.get(one.label.value, author)) for one in segments]
        document = _document(groups, made, source, author, _texts(segments, (author, *authors.values())))
    return save(document, path)


def _document(groups: Sequence[Any], seg: Any, source: SourceSeries, author: Author, texts: Sequence[str]) -> Any:
    hd = highdicom()
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_observer(author)),
        procedure_reported=code_of(_procedure(source)),
        imaging_measurements=groups,
    )
    document = hd.sr.Comprehensive3DSR(
        evidence=[*source.files, seg],
        content=report,
        **new_series(_SERIES_NUMBER),
        series_description=short_text(f"Measurements by {author.name or MANUFACTURER}"),
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    set_character_set(document, source.files[0], texts)
    return document


def _texts(segments: Sequence[MeasuredSegment], authors: Sequence[Author]) -> list[str]:
    texts = [text for author in authors for text in (author.name, author.version)]
    return texts + [text for one in segments for text in (one.label.name, *meanings_of(one.label))]


def _group(segment: MeasuredSegment, seg: Any, source: SourceSeries, author: Author) -> Any:
    hd = highdicom()
    label = segment.label
    meaning = label.terminology or UNKNOWN
    sites = [_site(meaning)] if meaning.region or label.terminology else None
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=tracking_uid(source.uid, label.value), identifier=tracking_id(label)
        ),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=seg.SOPClassUID,
            sop_instance_uid=seg.SOPInstanceUID,
            segment_number=segment.number,
            source_series=hd.sr.SourceSeriesForSegmentation(source.files[0].SeriesInstanceUID),
        ),
        finding_type=code_of(meaning.type),
        finding_category=code_of(meaning.category),
        finding_sites=sites,
        algorithm_id=_algorithm(author),
        measurements=[
            hd.sr.Measurement(name=code_of(_NAMES[one.name]), value=float(one.value), unit=code_of(_UNITS[one.unit]))
            for one in segment.measurements
        ],
    )


def _algorithm(author: Author) -> Any:
    """None for what was drawn by hand."""
    if author.by_hand:
        return None
    return highdicom().sr.AlgorithmIdentification(
        name=author.name or MANUFACTURER,
        # Our own version is no other program's.
        version=author.version or (VERSION if author.name in ("", MANUFACTURER) else "unknown"),
        parameters=[author.digest] if author.digest else None,
    )


def _site(meaning: Terminology) -> Any:
    hd = highdicom()
    where = meaning.region or meaning.type
    side = meaning.region_modifier if meaning.region else meaning.type_modifier
    return hd.sr.FindingSite(anatomic_location=code_of(where), laterality=code_of(side) if side else None)


def _observer(author: Author) -> Any:
    hd = highdicom()
    return hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(),
            name=MANUFACTURER,
            manufacturer_name=MANUFACTURER,
            model_name=f"{author.name} {author.version}".strip() or MANUFACTURER,
        ),
    )


def _procedure(source: SourceSeries) -> CodedTerm:
    modality = str(getattr(source.files[0], "Modality", ""))
    known = {
        "CT": CodedTerm("SCT", "77477000", "Computed tomography"),
        "MR": CodedTerm("SCT", "113091000", "Magnetic resonance imaging"),
    }
    return known.get(modality, CodedTerm("SCT", "363679005", "Imaging"))
