"""``find_on_server``: the series of a server that suit a model as cases, the rest with the reason; headers alone."""

from __future__ import annotations

from pathlib import Path

from ...errors import ServerError
from ...io.dicom.kinds import kind_of
from ...io.dicomweb.searching import Query, SeriesOnServer, find_series, look_closer
from ...io.dicomweb.server import Server
from ...progress import CancelToken, ProgressCallback, Stage
from ..case import CohortCase, Found, LeftOut, Remote, Source
from ..finding.dicom_tree import name_of
from ..finding.wanted import Wanted

_CURE = "Fetch it yourself and name it in a CSV table, if it is wanted all the same."
_CHANNELS = "The model takes {} images of a case, and a server does not say which series belong together."
_CLEAR = "Images come from {} without encryption: anybody in the network between can read along. Use https where it is."
# Of what holds no images. They have no rows: a run that stores its results would find them the next time and list them.
_NO_IMAGES = frozenset({"SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "DOC", "REG", "FID"})


def find_on_server(
    server: Server,
    query: Query,
    wanted: Wanted,
    images: Path,
    cancel: CancelToken | None = None,
    progress: ProgressCallback | None = None,
) -> Found:
    """The cases of a server, by their names: in the same order whenever and wherever it is asked.

    Args:
        query: what to look for.
        wanted: what the model asks for: modality, and number of instances.
        images: folder in which a case's images are put when its turn comes, each in one of its own.
        progress: counts the series that are looked at.

    Raises:
        ServerError: the server could not be asked at all.
        Cancelled: the token was set.
    """
    said: list[str] = []
    everything, troubles = find_series(server, query, cancel, said.append)
    series = [one for one in everything if one.modality not in _NO_IMAGES]
    cases: list[CohortCase] = []
    left = [LeftOut.because(name_of(t.study, "", t.study), _address(server, t.study), t.error) for t in troubles]
    stage = Stage("series of the server", len(series), progress, cancel)
    for one in series:
        stage.step()
        try:
            reason = _first_objection(one, wanted)
            if not reason:
                one = look_closer(server, one, cancel)
                reason = _objection(one, wanted)
        except ServerError as error:
            left.append(LeftOut.because(_name(one), _address(server, one.study, one.uid), error))
            continue
        if reason:
            left.append(LeftOut(_name(one), _address(server, one.study, one.uid), f"{reason} ({_words(one)})", _CURE))
        else:
            cases.append(_case(server, one, images))
    studies = len({one.study for one in series})
    notes = [f"{len(series)} series of images of {studies} studies on {server.host}: {len(cases)} suit the model."]
    if len(everything) > len(series):
        kinds = sorted({one.modality for one in everything if one.modality in _NO_IMAGES})
        notes.append(f"{len(everything) - len(series)} series hold no images ({', '.join(kinds)}).")
    notes += said
    if not server.encrypted:
        notes.append(_CLEAR.format(server.host))
    return Found(tuple(sorted(cases, key=lambda case: case.name)), tuple(left), tuple(notes))


def _case(server: Server, series: SeriesOnServer, images: Path) -> CohortCase:
    remote = Remote(server, series.study, series.uid, series.instances)
    source = Source(images / _name(series), series.uid, remote)
    return CohortCase(_name(series), (source,), origin=_words(series))


def _first_objection(series: SeriesOnServer, wanted: Wanted) -> str:
    """By what a search says already."""
    if series.modality and wanted.modalities:
        return wanted.objection(series.modality, 1 << 30)
    return ""


def _objection(series: SeriesOnServer, wanted: Wanted) -> str:
    if kind := kind_of(series.sop_class):
        return f"It is a {kind}, no image."
    if wanted.channels > 1:
        return _CHANNELS.format(wanted.channels)
    if series.localizer:
        return "It is a localizer."
    if not series.instances:
        return "The server has no instance of it."
    return wanted.objection(series.modality, series.instances * series.frames)


def _name(series: SeriesOnServer) -> str:
    return name_of(series.study, series.number, series.uid)


def _words(series: SeriesOnServer) -> str:
    """Nothing that an operator typed: it gets into tables and pages."""
    counted = f"{series.instances} instances" if series.instances else ""
    return ", ".join(filter(None, (series.modality, counted, f"UID {series.uid}")))


def _address(server: Server, study: str, series: str = "") -> Path:
    """Where it lies, as a path under the server's."""
    path = Path(server.host, "studies", study)
    return path / "series" / series if series else path
