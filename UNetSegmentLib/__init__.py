"""UNetSegmentLib: U-Nets on medical volumes, without Slicer.

The public names load on first use, so that ``import UNetSegmentLib`` costs next to nothing and imports no torch::

    import UNetSegmentLib as unet

    volume = unet.read_volume("t1.nii.gz")
    result = unet.Segmenter(unet.load_model("hippocampus-t1")).segment(volume)
    unet.write_segmentation(result.segmentation, "hippocampus.seg.nrrd")
"""

from ._lazy import lazy_names
from .version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Box": "geometry",
        "CancelToken": "progress",
        "EngineSettings": "inference",
        "Geometry": "geometry",
        "Label": "labels",
        "ModelCard": "models.card",
        "ProgressEvent": "progress",
        "Segmentation": "volume",
        "Segmenter": "inference",
        "UNetSegmentError": "errors",
        "Volume": "volume",
        "list_models": "models",
        "load_model": "models",
        "read_segmentation": "io",
        "read_volume": "io",
        "write_segmentation": "io",
        "write_volume": "io",
    },
)
