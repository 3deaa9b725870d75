"""MONAI bundles: metadata and inference configuration are parsed, never evaluated, and become a native model."""

from ...._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Plan": "plan",
        "matches": "reading",
        "plan_bundle": "plan",
        "read": "reading",
    },
)
