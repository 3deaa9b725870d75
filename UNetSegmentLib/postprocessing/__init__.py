"""Cleaning label maps: largest component, minimum size, holes; each per label."""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {"clean": "cleaning", "label_boxes": "boxes"},
)
