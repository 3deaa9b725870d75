"""``unetsegment review``: where a segmentation is doubtful, and so where to look first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError, UsageError
from ...io.own_outputs import Job, remember
from ...io.regions import HELP as REGION_HELP
from ...progress import CancelToken
from ...volume import Segmentation, Volume, notes_of
from ..options.segments import chosen_segment, read_placed, read_probabilities
from ..terminal.console import output, say, table, working
from ..terminal.session import (
    ChannelOption,
    DebugOption,
    DeviceOption,
    ForceOption,
    JsonOption,
    SeriesOption,
    print_json,
    session,
)
from .members import Asked, Opinions, ask
from .prompts import in_ras, ras_words

if TYPE_CHECKING:
    from ...labels import Label
    from ...refinement import DoubtfulPlace, Quality
    from ...reporting import Table

_MOST, _MOST_DRAWN = 20, 6
# Words and colour of what may change, as in the pictures of scores.
_COLORS = {
    "missing": ("may be missing", (38, 139, 255)),
    "extra": ("may be too much", (240, 138, 0)),
    "confused": ("may be of another segment", (255, 105, 180)),
    "border": ("the border may lie elsewhere", (255, 220, 90)),
}
_FIRST = "The list says where to look first, not how accurate the segmentation is."


@dataclass(frozen=True, eq=False)
class Reviewed:
    """What is reviewed, and by what.

    Args:
        segmentation: on the grid of the image or of the probabilities, where there are such.
        segments: that are reviewed; empty: all.
        opinions: of the members of a model, where one was asked.
        notes: what reading chose.
    """

    segmentation: Segmentation
    segments: tuple[Label, ...] = ()
    volume: Volume | None = None
    probabilities: Volume | None = None
    uncertainty: Volume | None = None
    opinions: Opinions | None = None
    notes: tuple[str, ...] = ()

    def places(self, most: int) -> tuple[DoubtfulPlace, ...]:
        """The most doubtful ones first, by the strongest evidence that there is."""
        from ...refinement import review_places

        given, one = self.probabilities, self._of_one
        return review_places(
            self.segmentation,
            probabilities=None if one else given,
            values=self._values,
            probability=given if one else None,
            label=self._values[0] if one else 1,
            members=() if self.opinions is None else self.opinions.maps,
            uncertainty=self.uncertainty,
            volume=self.volume,
            segments=[label.value for label in self.segments] or None,
            most=most,
        )

    def quality(self) -> Quality | None:
        """By which cases are ordered, where there is something to judge by."""
        from ...refinement import quality_of_probabilities, quality_of_uncertainty

        if self.opinions is not None:
            return self.opinions.quality
        if self.probabilities is not None:
            return quality_of_probabilities(self.segmentation, self.probabilities, self._values)
        return None if self.uncertainty is None else quality_of_uncertainty(self.segmentation, self.uncertainty)

    @property
    def _of_one(self) -> bool:
        """Whether the probabilities are those of one segment, the only one that is reviewed then."""
        return self.probabilities is not None and self.probabilities.channels == 1

    @property
    def _values(self) -> Sequence[int]:
        """The label of each channel."""
        if self.probabilities is None:
            return ()
        return [self.segments[0].value] if self._of_one else range(self.probabilities.channels)


@dataclass(frozen=True)
class Sources:
    """The files as they were given: the segmentation, and what there is beside it; ``series`` is the image's."""

    segmentation: Path
    image: Path | None
    probabilities: Path | None
    uncertainty: Path | None
    series: str | None

    @property
    def by_option(self) -> dict[str, Path]:
        """Those that were given, by what the command line calls them."""
        given = {
            "SEGMENTATION": self.segmentation,
            "--image": self.image,
            "--probabilities": self.probabilities,
            "--uncertainty": self.uncertainty,
        }
        return {option: path for option, path in given.items() if path is not None}

    def open(self, segments: Sequence[str], cancel: CancelToken) -> Reviewed:
        """Reads all of it, on the grid of the image, of the probabilities or of the uncertainty, whichever there is."""
        from ...io.guarded import read_segmentation, read_volume
        from ...io.segment_names import find_segment

        volume = read_volume(self.image, self.series, cancel=cancel) if self.image is not None else None
        grid = volume.geometry if volume is not None else None
        shares = read_probabilities(self.probabilities, grid, cancel) if self.probabilities is not None else None
        grid = grid or (shares.geometry if shares is not None else None)
        entropy = read_volume(self.uncertainty, cancel=cancel) if self.uncertainty is not None else None
        grid = grid or (entropy.geometry if entropy is not None else None)
        source = self.segmentation
        if grid is not None:
            labels = read_placed(source, grid, cancel, self.image, self.series)
        else:
            labels = read_segmentation(source, cancel)
        chosen = tuple(find_segment(labels, text, source.name) for text in segments)
        if shares is not None and shares.channels == 1 and len(chosen) != 1:
            chosen = (chosen_segment(labels, None, source.name),)
        notes = notes_of([one for one in (volume, labels) if one is not None])
        return Reviewed(labels, chosen, volume, shares, entropy, notes=notes)


def review(
    source: Annotated[Path, typer.Argument(metavar="SEGMENTATION", help="The segmentation to look through.")],
    image: Annotated[Path | None, typer.Option(help="Its image: file, or a DICOM folder or file.")] = None,
    probabilities: Annotated[
        Path | None, typer.Option(help="What 'segment --probabilities' wrote, or the probability of one segment.")
    ] = None,
    uncertainty: Annotated[Path | None, typer.Option(help="What 'segment --uncertainty' wrote.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Run it several times on --image (folds, mirrors) and compare."),
    ] = None,
    channel: ChannelOption = None,
    roi: Annotated[str | None, typer.Option(help=REGION_HELP)] = None,
    device: DeviceOption = "auto",
    segment: Annotated[
        list[str] | None,
        typer.Option("--segment", "-s", help="Name or value of a segment to review; may be repeated. All by default."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="Places to list.")] = _MOST,
    points: Annotated[
        Path | None, typer.Option(help="Write the places as a point list for Slicer (.mrk.json) here.")
    ] = None,
    preview: Annotated[Path | None, typer.Option(help="Draw the first places into this PNG; needs --image.")] = None,
    series: SeriesOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the doubtful places of a segmentation, the most doubtful first.

    With probabilities or uncertainty of the model these are the places of which it was unsure, with --model those of
    which its folds or the mirrored image say something else; without, places that look odd in the image, or in the
    segmentation alone.

    Example: unetsegment review hippocampus.seg.nrrd --probabilities p.nii.gz --image t1.nii.gz --preview places.png
    """
    with session(debug, json) as cancel:
        sources = Sources(source, image, probabilities, uncertainty, series)
        job = Job("review", tuple(sources.by_option.values()))
        said = _check(points, preview, sources, job, force)
        _check_asked(model, image, preview, {"--channel": channel, "--roi": roi})
        with working("Reading the segmentation", not json):
            case = sources.open(segment or (), cancel)
        if model is not None and case.volume is not None:
            opinions = ask(Asked(model, device, channel or (), roi), case.volume, case.segmentation, cancel, not json)
            case = replace(case, opinions=opinions, notes=(*case.notes, *opinions.notes))
        with working("Looking for doubtful places", not json):
            places = case.places(most)
            quality = case.quality()
        cancel.raise_if_cancelled()
        written = _write(case, places, points, preview, job)
        _report(case, places, quality, written, (*said, *case.notes), json)


def _check_asked(model: str | None, image: Path | None, preview: Path | None, of_model: Mapping[str, object]) -> None:
    """Refuses what would have no effect.

    Args:
        of_model: options that are the model's alone, with what was given.
    """
    if model is not None and image is None:
        raise UsageError("There is no image for the model to look at.", "Add --image, or leave --model out.")
    if preview is not None and image is None:
        raise UsageError("There is no image to draw the places in.", "Add --image, or leave --preview out.")
    idle = [option for option, given in of_model.items() if given]
    if model is None and idle:
        raise UsageError(
            f"{' and '.join(idle)} say what the model sees, and there is none.",
            f"Add --model, or leave {' and '.join(idle)} out.",
        )


def _check(points: Path | None, preview: Path | None, sources: Sources, job: Job, force: bool) -> tuple[str, ...]:
    """Refuses, before anything is read, what could not be written or would destroy something; notes on what is
    replaced."""
    from ...io.outputs import Input, Output, check_outputs

    for path, ending in ((points, ".json"), (preview, ".png")):
        if path is not None and path.suffix.lower() != ending:
            raise OutputError(f"'{path.name}' does not end with {ending}.", f"Let the name end with {ending}.")
    outputs = [Output(path, role) for path, role in ((points, "--points"), (preview, "--preview")) if path is not None]
    return check_outputs(outputs, [Input(path, role) for role, path in sources.by_option.items()], job, force)


def _write(
    case: Reviewed, places: Sequence[DoubtfulPlace], points: Path | None, preview: Path | None, job: Job
) -> list[Path]:
    """Writes what was asked for, and notes each file as this job's own."""
    words = [place.describe(case.segmentation) for place in places]
    if points is not None:
        from ...io.markups import write_points

        labels = [str(number) for number in range(1, len(places) + 1)]
        write_points(list(zip([place.position for place in places], labels, words, strict=True)), points)
        remember(points, job)
    if preview is not None and case.volume is not None:
        from ...reporting.pictures.places import ShownPlace, write_places

        drawn = [
            ShownPlace(w, place.position, place.box, place.inside, _COLORS[place.kind.value][1], _segments(place))
            for place, w in zip(places[:_MOST_DRAWN], words, strict=False)
        ]
        legend = [_COLORS[kind] for kind in dict.fromkeys(place.kind.value for place in places[:_MOST_DRAWN])]
        write_places(case.volume, case.segmentation, drawn, preview, legend)
        remember(preview, job)
    return [path for path in (points, preview) if path is not None]


def _segments(place: DoubtfulPlace) -> tuple[int, ...]:
    """The segments that it concerns, without the background."""
    return tuple(sorted({place.segment, place.now} - {0}))


def _report(
    case: Reviewed,
    places: Sequence[DoubtfulPlace],
    quality: Quality | None,
    written: Sequence[Path],
    notes: Sequence[str],
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "places": [_row(case, place) for place in places],
                "agreement": None if quality is None else quality.estimate,
                "agreement_words": None if quality is None else quality.describe(),
                "files": [str(path) for path in written],
                "notes": list(notes),
            }
        )
        return
    for note in notes:
        say(f"Note: {note}", error=True)
    if places:
        output().print(table(_table(case, places)))
        say(_FIRST)
    else:
        say("There are no doubtful places.")
    if quality is not None:
        say(f"To order cases by, the lowest first: {quality.describe()}.")
    for path in written:
        say(f"  {path}")


def _row(case: Reviewed, place: DoubtfulPlace) -> dict[str, object]:
    return {
        "score": place.score,
        "words": place.describe(case.segmentation),
        "kind": place.kind.value,
        "reason": place.reason.value,
        "segment": case.segmentation.label(place.segment).name,
        "value": place.segment,
        "becomes": place.becomes,
        "position_ras": in_ras(place.position),
        "voxels": place.voxels,
        "volume_ml": place.size_ml,
    }


def _table(case: Reviewed, places: Sequence[DoubtfulPlace]) -> Table:
    """Scores as shares of the highest: they compare within the list alone."""
    from ...reporting import Table

    highest = places[0].score or 1.0
    rows = tuple(
        (
            str(number),
            f"{100 * place.score / highest:.0f} %",
            ras_words(place.position),
            place.size_words,
            place.describe(case.segmentation).removeprefix(place.size_words).strip(),
        )
        for number, place in enumerate(places, start=1)
    )
    return Table(
        ("No.", "Doubt", "Position (RAS mm)", "Size", "What may change"), rows, (True, True, True, True, False)
    )
