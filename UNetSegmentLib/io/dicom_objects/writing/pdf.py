"""``write_pdf``: a document about a series, stored beside it (PS3.3, A.45.1: Encapsulated PDF)."""

from __future__ import annotations

from pathlib import Path

from ..author import Author
from ..source import SourceSeries
from ..texts import short_text
from .object_header import object_header
from .plane_headers import file_references
from .saving import save

_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
_NUMBER = 903


def write_pdf(document: bytes, title: str, source: SourceSeries, path: Path | str, author: Author) -> Path:
    """Writes a DICOM object that holds a PDF.

    Args:
        document: the PDF.
        source: the series that it is about, whose patient and study it carries.

    Raises:
        OutputError: it cannot be written.
    """
    first = source.files[0]
    data = object_header(first, author, _STORAGE, "DOC", _NUMBER, "Report page")
    data.ContentDate, data.ContentTime, data.AcquisitionDateTime = data.SeriesDate, data.SeriesTime, ""
    data.ConversionType, data.BurnedInAnnotation = "WSD", "YES"
    data.DocumentTitle, data.MIMETypeOfEncapsulatedDocument = short_text(title), "application/pdf"
    data.ConceptNameCodeSequence = []
    data.SourceInstanceSequence = file_references(source)
    data.EncapsulatedDocumentLength = len(document)
    data.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return save(data, path)
