"""From a data set to a training's configuration: a fingerprint of the data, and rules that follow from it.

The rules are those of nnU-Net (Isensee et al., Nature Methods 2021, arXiv:1904.08128) where nothing else is said, with
one more thing to obey: the minutes that the user has on the device at hand.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "NETWORKS": "variants",
        "Fingerprint": "fingerprint",
        "Plan": "plan",
        "Preferences": "preferences",
        "Request": "configuration",
        "plan_training": "plan",
        "take_fingerprint": "fingerprint",
    },
)
