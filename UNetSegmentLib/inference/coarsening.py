"""How much coarser than its own spacing a model may run for the sake of time."""

from __future__ import annotations

from ..models.card import ModelCard

UNKNOWN = 1.25
"""Where nothing is known of the structures' sizes."""


def coarsening(card: ModelCard) -> float:
    """Factor on the model's spacing."""
    return UNKNOWN
