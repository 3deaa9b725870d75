"""``find_series``: what series a server has (QIDO-RS), by studies, series and words of a query; headers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import InputError, ServerError
from ...progress import CancelToken
from ...text import shown
from ..dicom.kinds import known_modality
from .connection import Connection, connected
from .failures import PassingError, no_dicomweb
from .json_model import is_uid, number_in, text_in, values_in
from .matching import Matching
from .server import Server

_PAGE = 200
# Attributes of series (PS3.18, table 10.6.1-5 and their like); all others are asked of studies.
_OF_SERIES = frozenset(
    (
        "Modality",
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "BodyPartExamined",
        "ProtocolName",
        "Manufacturer",
        "ManufacturerModelName",
        "StationName",
        "PerformedProcedureStepStartDate",
        "Laterality",
    )
)


@dataclass(frozen=True)
class Query:
    """What is looked for; a series must fit all that is given.

    Args:
        studies, series: UIDs, any of them.
        studies_by, series_by: attributes of DICOM by their keywords, with values as QIDO-RS takes them (``*`` and
            ``?``, ranges of dates).
    """

    studies: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    studies_by: Mapping[str, str] = field(default_factory=dict)
    series_by: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, studies: Iterable[str], series: Iterable[str], words: Iterable[str]) -> Query:
        """The query of words such as ``StudyDate=20260101-20260131``.

        Raises:
            InputError: nothing is asked for (that would be the whole archive), UIDs that are none, or words that are
                no query.
        """
        pairs = [_word(word) for word in words]
        chosen = dict(pairs)
        if len(chosen) < len(pairs):
            twice = next(key for key in chosen if sum(key == other for other, _ in pairs) > 1)
            raise InputError(f"The query asks for {twice} twice, and all must fit.", "Run one after the other.")
        query = cls(
            tuple(dict.fromkeys(map(_uid, studies))),
            tuple(dict.fromkeys(map(_uid, series))),
            {key: value for key, value in chosen.items() if key not in _OF_SERIES},
            {key: value for key, value in chosen.items() if key in _OF_SERIES},
        )
        if query == cls():
            raise InputError(
                "Nothing is asked for, and that would be all that the server has.",
                "Name --study, --series or --query, such as --query StudyDate=20260101-20260131.",
            )
        return query


@dataclass(frozen=True)
class SeriesOnServer:
    """A series as the server describes it.

    Args:
        study, uid: UIDs.
        instances: how many; 0 where the server does not say.
        frames: of an instance; 1 where the server does not say.
        sop_class: of an instance; empty where the server does not say.
        localizer: a scout view.
    """

    study: str
    uid: str
    modality: str = ""
    number: str = ""
    instances: int = 0
    frames: int = 1
    sop_class: str = ""
    localizer: bool = False


@dataclass(frozen=True)
class StudyTrouble:
    """A study whose series could not be listed, or of which there are none."""

    study: str
    error: ServerError


def find_series(
    server: Server, query: Query, cancel: CancelToken | None = None, note: Callable[[str], None] | None = None
) -> tuple[list[SeriesOnServer], list[StudyTrouble]]:
    """All series that fit, in the order of the server, and the studies that could not be looked into.

    Args:
        note: told in a sentence which parts of the query the server passed over, and which could not be checked.

    Raises:
        ServerError: the server could not be asked at all.
        Cancelled: the token was set.
    """
    search = _Search(connected(server), cancel)
    found = _found(server, query, search)
    if note is not None:
        for sentence in search.matching.notes:
            note(sentence)
    return found


def _found(server: Server, query: Query, search: _Search) -> tuple[list[SeriesOnServer], list[StudyTrouble]]:
    if query.series and not (query.studies or query.studies_by):
        filters = [{"SeriesInstanceUID": uid, **query.series_by} for uid in query.series]
        found = [series for one in filters for series in search.series(None, one) if series.uid in query.series]
        there = {series.uid for series in found}
        lost = [StudyTrouble(uid, _not_there(server, "series")) for uid in query.series if uid not in there]
        return _once_each(found), lost
    found, troubles = [], []
    studies = search.studies(query)
    for study in studies:
        try:
            listed = list(search.series(study, dict(query.series_by)))
        except ServerError as error:
            troubles.append(StudyTrouble(study, error))
            continue
        if not listed and study in query.studies and not query.series_by:
            troubles.append(StudyTrouble(study, _not_there(server, "study")))
        found += [series for series in listed if not query.series or series.uid in query.series]
    if troubles and len(troubles) == len(studies) and all(t.error.cure != _ABSENT for t in troubles):
        raise troubles[0].error  # the server, not a study, is the trouble
    return _once_each(found), troubles


def look_closer(server: Server, series: SeriesOnServer, cancel: CancelToken | None = None) -> SeriesOnServer:
    """The series with what headers of one of its instances say: class, frames, whether it is a scout view; and how
    many instances there are, where the server did not say.

    Raises:
        ServerError: the server failed.
    """
    connection = connected(server)
    client = connection.client
    few = 1 if series.instances else None
    instances = list(_Search(connection, cancel).instances(series, few))
    if not instances:
        return series
    first = instances[0]
    uid = text_in(first, "SOPInstanceUID")
    if not is_uid(uid):
        return series
    try:
        headers = connection.ask(lambda: client.retrieve_instance_metadata(series.study, series.uid, uid), cancel)
    except PassingError:
        raise
    except ServerError:  # not every server offers it; the images tell, once they are here
        headers = first
    headers = headers if isinstance(headers, dict) else first
    kinds = [str(word).upper() for word in values_in(headers, "ImageType")]
    return replace(
        series,
        instances=series.instances or len(instances),
        frames=max(number_in(headers, "NumberOfFrames"), 1),
        sop_class=text_in(headers, "SOPClassUID") or text_in(first, "SOPClassUID"),
        modality=series.modality or known_modality(text_in(headers, "Modality").upper()),
        localizer="LOCALIZER" in kinds,
    )


class _Search:
    """Searches of one server, page by page."""

    def __init__(self, connection: Connection, cancel: CancelToken | None) -> None:
        self._connection, self._cancel = connection, cancel
        self.matching = Matching(connection.server.host)

    def studies(self, query: Query) -> list[str]:
        """UIDs of the studies to look into; those that were named are not asked about where nothing else is asked."""
        if query.studies and not query.studies_by:
            return list(query.studies)
        search = self._connection.client.search_for_studies
        named: list[dict[str, str]] = [{"StudyInstanceUID": uid} for uid in query.studies] or [{}]
        fields = list(query.studies_by)  # so that it can be seen whether they fit
        found = [
            text_in(item, "StudyInstanceUID")
            for name in named
            for item in self._pages(
                search, "StudyInstanceUID", search_filters={**name, **query.studies_by}, fields=fields
            )
            if self.matching.fits(item, query.studies_by)
        ]
        return [uid for uid in dict.fromkeys(found) if is_uid(uid) and uid in (query.studies or (uid,))]

    def series(self, study: str | None, filters: Mapping[str, str]) -> Iterator[SeriesOnServer]:
        """Series of a study, or of all."""
        search = self._connection.client.search_for_series
        # Servers pass over a filter that they do not know: what was not asked for is not taken.
        fields = ["NumberOfSeriesRelatedInstances", *filters]
        for item in self._pages(
            search, "SeriesInstanceUID", study_instance_uid=study, search_filters=dict(filters), fields=fields
        ):
            uid, of = text_in(item, "SeriesInstanceUID"), text_in(item, "StudyInstanceUID") or study or ""
            if not (is_uid(uid) and is_uid(of) and of == (study or of)):  # they become parts of addresses
                continue
            if self.matching.fits(item, filters):
                yield SeriesOnServer(
                    of,
                    uid,
                    known_modality(text_in(item, "Modality").upper()),
                    shown(text_in(item, "SeriesNumber"), 16),
                    number_in(item, "NumberOfSeriesRelatedInstances"),
                )

    def instances(self, series: SeriesOnServer, most: int | None) -> Iterator[Mapping[str, Any]]:
        """Instances of a series; the first ``most``."""
        search = self._connection.client.search_for_instances
        of = {"study_instance_uid": series.study, "series_instance_uid": series.uid}
        if most is not None:
            yield from self._page(search, limit=most, **of)
        else:
            yield from self._pages(search, "SOPInstanceUID", **of)

    def _pages(self, search: Callable[..., Any], key: str, **asked: Any) -> Iterator[Mapping[str, Any]]:
        """All answers. A server may send fewer at a time than it is asked for, and one that knows no pages sends the
        same ones again: the end is where nothing new comes."""
        seen: set[str] = set()
        while True:
            page = self._page(search, limit=_PAGE, offset=len(seen), **asked)
            new = [item for item in page if text_in(item, key) and text_in(item, key) not in seen]
            if not new:
                return
            seen.update(text_in(item, key) for item in new)
            yield from new

    def _page(self, search: Callable[..., Any], **asked: Any) -> Sequence[Mapping[str, Any]]:
        answer = self._connection.ask(lambda: search(**asked), self._cancel)
        if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
            raise no_dicomweb(self._connection.server, "something else than a list of studies")
        return answer


_ABSENT = "Check the UID, and that you have the right to see it."


def _not_there(server: Server, what: str) -> ServerError:
    return ServerError(f"{server.host} has no such {what}.", _ABSENT)


def _once_each(found: Iterable[SeriesOnServer]) -> list[SeriesOnServer]:
    return list({(series.study, series.uid): series for series in found}.values())


def _uid(text: str) -> str:
    text = text.strip()
    if not is_uid(text):
        raise InputError(f"'{shown(text, 70)}' is not a UID.", "A UID holds digits and dots alone, 64 at most.")
    return text


def _word(word: str) -> tuple[str, str]:
    from pydicom.datadict import tag_for_keyword

    key, equals, value = word.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not value or tag_for_keyword(key) is None:
        raise InputError(
            f"'{shown(key, 40)}' is no query.",
            "Write DICOM's keyword, = and a value, such as StudyDate=20260101-20260131 or ModalitiesInStudy=CT.",
        )
    return key, value
