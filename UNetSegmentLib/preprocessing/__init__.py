"""Preparing a volume for a network, and undoing it exactly."""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Prepared": "preparation",
        "PreparationRecord": "preparation",
        "normalize": "normalization",
        "onto_grid": "preparation",
        "prepare": "preparation",
    },
)
