"""A network whose answers are not numbers finds nothing, and says nothing: so somebody must look."""

from __future__ import annotations

import torch

_EVERY = 4  # rows and planes; damaged weights spoil far more than one, and a look at all would cost time


class NotFiniteError(ArithmeticError):
    """The network gave values that are NaN or infinite."""


class FiniteWatch:
    """Looks at a sixteenth of what a network gives.

    Args:
        infinite: whether infinite values are wrong too. A program may give logarithms of probabilities, where minus
            infinity is right; a convolution's output is never infinite unless its numbers were too large.
    """

    def __init__(self, infinite: bool = True) -> None:
        self._infinite = infinite
        self._found: torch.Tensor | None = None

    def look(self, values: torch.Tensor) -> None:
        """Looks at (N, K, z, y, x).

        On a GPU only the first time tells: asking for the answer would make the GPU wait for the processor.

        Raises:
            NotFiniteError: some are not finite.
        """
        part = values[:, :, ::_EVERY, ::_EVERY]
        wrong = (~torch.isfinite(part) if self._infinite else torch.isnan(part)).any()
        first = self._found is None
        self._found = wrong if self._found is None else self._found | wrong
        if first or values.device.type == "cpu":
            self.check()

    def check(self) -> None:
        """Tells of all that was looked at. Raises as :meth:`look`."""
        if self._found is not None and bool(self._found):
            raise NotFiniteError
