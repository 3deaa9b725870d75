"""Which backends there are and which of them are installed. Imports none of them."""

from __future__ import annotations

import importlib.metadata

from ...errors import DependencyError, InputError

BACKENDS = ("auto", "torch", "openvino", "onnx", "tensorrt")
"""Names that the engine's setting ``backend`` can have."""

_PACKAGES = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime", "tensorrt": "tensorrt"}
_NEEDED_BY_ONNX = "onnx"
"""Also needed to run a torch network in ONNX Runtime (not a package that is an ONNX file): it writes the file."""


def installed_backends() -> dict[str, str | None]:
    """The version of each backend's package; None for one that is not installed."""
    return {backend: version_of(package) for backend, package in _PACKAGES.items()}


def version_of(package: str) -> str | None:
    """The installed version of a Python package; None when it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_backend(name: str) -> None:
    """Refuses a backend that does not exist or is not installed.

    Raises:
        InputError: no such backend.
        DependencyError: its package is not installed.
    """
    if name not in BACKENDS:
        raise InputError(f"Unknown backend '{name}'.", f"Use one of {', '.join(BACKENDS)}.")
    package = _PACKAGES.get(name)
    if package is not None and version_of(package) is None:
        raise DependencyError(
            f"The backend '{name}' needs the package {package}, which is not installed.",
            f"Install it with: pip install {package}. Or use the backend 'auto'.",
        )
