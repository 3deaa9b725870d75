"""Readers of the folders that training data comes in: general layouts, and those of well-known data sets.

``open_layout(path)`` finds out which one it is. Each gives a :class:`~.dataset.Dataset`: the cases with their files,
the channels, what the label values mean, and folds where the data set defines them. No image is read.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "LAYOUTS": "recognition",
        "CaseFiles": "dataset",
        "Dataset": "dataset",
        "Region": "dataset",
        "open_layout": "recognition",
        "read_case": "reading",
    },
)
