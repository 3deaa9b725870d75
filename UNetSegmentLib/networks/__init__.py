"""The U-Net family: one configurable network of exchangeable blocks, for 2D and 3D. Knows no files and no volumes.

``build(config)`` makes the network, ``cost(config, patch)`` says what it needs without running it. New blocks, skip
connections, encoders and decoders are added by registering a factory under a name (see :mod:`.registry`).
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "BLOCKS": "registry",
        "DECODERS": "registry",
        "ENCODERS": "registry",
        "SKIPS": "registry",
        "NetworkConfig": "config",
        "NetworkCost": "costs",
        "OpaqueNetwork": "config",
        "UNet": "unet",
        "build": "architectures",
        "cost": "costs",
    },
)
