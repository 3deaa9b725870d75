"""The pictures of ``unetsegment evaluate`` for predictions and references that lie in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ...geometry import Geometry
    from ...reporting import LabelScores
    from ...volume import Volume
    from .pairs import Pair


@dataclass(frozen=True)
class Drawing:
    """Where pictures go and what they show.

    Args:
        images: file or folder of the images, by the predictions' names; None draws outcomes alone.
        outcomes_only: leave the images out all the same.
    """

    folder: Path
    images: Path | None = None
    outcomes_only: bool = False

    def draw(self, scores: dict[str, list[LabelScores]], pairs: Sequence[Pair]) -> list[Path]:
        """Draws the worst, the median and the best case.

        Args:
            pairs: every case.

        Raises:
            InputError: a case has no image, or one on another grid.
        """
        from ...reporting.drawing.agreement import agreement
        from ...reporting.measuring.extremes import extremes, heading, mean_dice, score_words
        from ...reporting.pictures.case import ShownCase, case_path, unit_of, write_case

        files = {pair.name: pair for pair in pairs}
        means = mean_dice(scores)
        written = []
        for which, name in extremes(means).items():
            found, expected = files[name].read()
            values = [score.label.value for score in scores[name]]
            outcomes = agreement(found.voxels, expected.voxels, values)
            image = self._image(name, expected.geometry)
            words = score_words(scores[name], unit_of(expected.geometry))
            case = ShownCase(heading(which, name, len(means)), words, outcomes, expected.geometry, image)
            written.append(write_case(case, case_path(self.folder, which)))
        return written

    def _image(self, name: str, geometry: Geometry) -> Volume | None:
        if self.images is None or self.outcomes_only:
            return None
        from ...io.guarded import read_volume
        from .pairs import image_of

        image = read_volume(image_of(self.images, name))
        difference = image.geometry.difference(geometry)
        if difference:
            raise InputError(
                f"The image '{image.name}' does not lie on the grid of its reference ({difference}).",
                "Give the images that were segmented, or leave --images out.",
            )
        return image
