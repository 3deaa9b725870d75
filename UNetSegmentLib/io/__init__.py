"""Reading images and writing segmentations. The public names load SimpleITK on first use."""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "atomic_path": "atomic",
        "check_segmentation_target": "segmentations",
        "check_writable": "atomic",
        "place_on_grid": "grid",
        "read_segmentation": "segmentations",
        "read_volume": "reading",
        "write_segmentation": "segmentations",
        "write_volume": "segmentations",
    },
)
