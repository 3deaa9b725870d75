"""The one way in which this importer says no: what was found, and what would help."""

from __future__ import annotations

from ....errors import ModelError

_NATIVE = (
    "Ask for a bundle of the supported parts (see the developers' notes), or import the network alone as TorchScript "
    "(model.ts) or ONNX with a contract of your own."
)


def refused(cause: str, cure: str = _NATIVE, detail: str = "") -> ModelError:
    """A part of a bundle that cannot be run faithfully."""
    return ModelError(f"This MONAI bundle cannot be imported: {cause}.", cure, detail)


def damaged(cause: str, detail: str = "") -> ModelError:
    """A bundle that is broken or hostile."""
    return ModelError(f"This MONAI bundle is damaged: {cause}.", "Get the bundle again from its source.", detail)
