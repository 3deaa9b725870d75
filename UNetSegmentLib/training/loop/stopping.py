"""The best validation of a run: when to stop, and which weights to keep."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Watch:
    """Remembers the best validation.

    Args:
        patience: the run has stopped after more than this many validations without a better one; 0 never stops it.
        keep: whether to keep the weights of the best validation.
    """

    def __init__(self, patience: int, keep: bool) -> None:
        self.patience, self.keep = patience, keep
        self.best = -1.0
        self.waited = 0
        self.dice: tuple[float, ...] | None = None
        self.weights: dict[str, Tensor] | None = None

    @property
    def stopped(self) -> bool:
        return 0 < self.patience < self.waited

    def observe(self, mean: float, dice: tuple[float, ...], network: nn.Module) -> None:
        """A validation: its mean Dice, its Dice per label, and the network that was looked at."""
        if mean <= self.best:
            self.waited += 1
            return
        self.best, self.waited = mean, 0
        if self.keep:
            self.dice = dice
            self.weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        dice = None if self.dice is None else list(self.dice)
        return {"best": self.best, "waited": self.waited, "dice": dice, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited, self.weights = state["best"], int(state["waited"]), state["weights"]
        self.dice = None if state["dice"] is None else tuple(state["dice"])
