"""The end of a training: held-out cases through the whole engine, pictures of the best and the worst, one HTML page.

Needs matplotlib (``pip install matplotlib``), TensorBoard only where it is asked for.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Report": "finish",
        "finish_run": "finish",
        "summary_writer": "tensorboard",
        "tensorboard_log": "tensorboard",
    },
)
