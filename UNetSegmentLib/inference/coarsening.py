"""How much coarser than its own spacing a model may run for the sake of time, by the size of what it finds.

A structure of w voxels across loses Dice when the network sees it s times smaller. Measured on the held-out cases of
the bundled hippocampus-t1 (two structures, 8.6 and 7.2 voxels across; ``Testing/Benchmarks/bench_coarsening.py``):
0.006 and 0.007 at s = 1.1, 0.007 and 0.010 at 1.15, 0.016 and 0.025 at 1.25, 0.049 and 0.116 at 1.5. Up to 1.25 that
stays below 0.72 (s - 1) / w. Retinal vessels lose 0.001 at 1.1 and 0.006 at 1.25.
"""

from __future__ import annotations

from ..models.card import ModelCard

UNKNOWN = 1.25
"""Where nothing is known of the structures' sizes; also the most, because losses grow faster beyond."""

ACCEPTED_LOSS = 0.01
"""Of the Dice of the smallest structure."""

_LOSS = 0.72
_LEAST = 1.05  # less saves next to nothing


def coarsening(card: ModelCard) -> float:
    """The largest factor on the model's spacing that costs its smallest structure no more than ``ACCEPTED_LOSS``."""
    known = card.fingerprint
    if known is None or not known.structures:
        return UNKNOWN
    scale = 1 + ACCEPTED_LOSS * smallest_width(card) / _LOSS
    return min(scale, UNKNOWN) if scale >= _LEAST else 1.0


def smallest_width(card: ModelCard) -> float:
    """Voxels across the narrowest structure of the fingerprint, at the model's own spacing.

    Of a model that takes images at their own spacing nothing is known of voxels; a mm counts as one there.
    """
    assert card.fingerprint is not None
    narrowest = min(structure.width_mm for structure in card.fingerprint.structures)
    spacing = [s for s in card.preparation.spacing or (1.0,) if s is not None]
    # The coarse axis of thick slices says nothing of the others, along which the structure is drawn.
    return narrowest / min(spacing)
