"""Exact separable resampling on any device; and, through SimpleITK, of one volume onto the grid of another."""

from __future__ import annotations

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AxisOperator": "operators",
        "axis_operator": "operators",
        "apply_axis": "separable",
        "axis_operators": "separable",
        "resize": "separable",
        "resample_to": "physical",
    },
)
