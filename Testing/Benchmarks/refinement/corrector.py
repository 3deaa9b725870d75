"""What answers prompts in the benchmark: a session of ours; the baselines have the same two methods."""

from UNetSegmentLib.refinement import Session
from UNetSegmentLib.refinement.growing import DEFAULT_REACH


class OurSession:
    """A session, with any method and reach (mm) of its own."""

    def __init__(self, case, method=None, reach=None):
        self._session = Session(
            case.volume,
            case.segmentation,
            label=case.label,
            probabilities=case.probability,
            method=method,
            reach=reach or DEFAULT_REACH,
        )
        self._mask = case.start.copy()

    def add(self, prompt):
        """Takes a prompt."""
        change = self._session.add(prompt)
        if not change.empty:
            self._mask[change.box.slices] = change.labels == self._session.label

    @property
    def mask(self):
        """Boolean (z, y, x)."""
        return self._mask
