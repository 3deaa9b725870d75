"""The network of a cohort run: one segmenter for all its cases."""

from __future__ import annotations

from ...inference import SegmentationResult, Segmenter, overridden
from ...models import Model
from ...progress import CancelToken, ProgressCallback
from ..job import CohortJob
from .reading import ReadCase


class SegmenterNetwork:
    """Keeps the network, its plans and compiled forms from case to case.

    Args:
        model: loaded already.
        job: what is done.
    """

    def __init__(self, model: Model, job: CohortJob) -> None:
        self._segmenter = Segmenter(model, job.device, job.preset, overridden(job.preset, dict(job.overrides)))
        self._maps = job.quality or job.probabilities

    def __call__(
        self, read: ReadCase, progress: ProgressCallback | None, cancel: CancelToken | None
    ) -> SegmentationResult:
        """See :class:`~.pipeline.Network`."""
        return self._segmenter.segment(read.volumes, read.region, progress, cancel, probabilities=self._maps)
