"""Models of other programs brought in: read once, translated to a native package, never executed.

``import_model`` and ``recognise`` are the whole public face; importing this package imports no torch.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "About": "composite",
        "Imported": "imported",
        "ImportOptions": "imported",
        "combine": "composite",
        "import_model": "conversion",
        "recognise": "recognition",
    },
)
