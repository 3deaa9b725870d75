"""What the worker needs and whether it is there; installing it when the user says so.

PyTorch comes through the PyTorch extension, which picks the build that fits the machine; everything else through
``slicer.packaging``. Nothing here imports the core, so that a broken installation can still be told and repaired.
"""

import importlib.metadata
import importlib.util
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import slicer
from slicer.i18n import tr as _

REQUESTER = "UNetSegment"
TORCH_REQUIREMENT = ">=2.6"
OPENVINO_REQUIREMENT = "openvino>=2024.4"
DICOM_REQUIREMENT = "highdicom>=0.27"
"""What writes DICOM segmentations and reports; recent Slicers bring it."""
QUICK_REQUIREMENTS = ("openvino>=2026.0", "nncf>=3.4")
"""What makes quick versions of models, which only needs to be there where they are made."""
_NOT_INSTALLED = "not installed"


class InstallError(Exception):
    """An installation that did not succeed; the text says why and what to do."""


def requirements_file() -> Path:
    """The list of packages other than PyTorch."""
    return Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"


def missing_packages() -> list[str]:
    """Requirements (PyTorch aside) that are not installed here."""
    from slicer import packaging

    return [str(each) for each in packaging.load_requirements(requirements_file()) if not packaging.pip_check(each)]


def torch_extension_available() -> bool:
    """Whether the extension that installs PyTorch is there."""
    return importlib.util.find_spec("PyTorchUtils") is not None


def install(anew: bool = False, tell: Callable[[str], None] = lambda text: None) -> str:
    """Installs what is missing. Called when the user asks for it, never by itself.

    Args:
        anew: also reinstall what is there.
        tell: gets a line per step.

    Returns:
        What could not be renewed though it was asked for, in words; empty when all was done.

    Raises:
        InstallError: with the reason in words.
    """
    _install_packages(anew, tell)
    # Looked up without importing it: a broken torch could take Slicer down.
    there = _version("torch") != _NOT_INSTALLED
    if there and not anew:
        return ""
    if there and not torch_extension_available():
        return _(
            "PyTorch itself was left as it is: the extension 'PyTorch', which could install it anew, is not there."
        )
    _install_torch(there, tell)
    return ""


def openvino_is_missing() -> bool:
    """Whether OpenVINO, which is optional, could be installed."""
    from slicer import packaging

    return not packaging.pip_check(OPENVINO_REQUIREMENT)


def install_openvino(tell: Callable[[str], None] = lambda text: None) -> None:
    """Installs OpenVINO. Called when the user asks for it.

    Raises:
        InstallError: with the reason in words.
    """
    tell(_("Installing {packages}...").format(packages="OpenVINO"))
    _pip_install([OPENVINO_REQUIREMENT])


def install_for_dicom(tell: Callable[[str], None] = lambda text: None) -> None:
    """Installs what writes DICOM objects. Called when the user asks for it.

    Raises:
        InstallError: with the reason in words.
    """
    tell(_("Installing {packages}...").format(packages="highdicom"))
    _pip_install([DICOM_REQUIREMENT])


def missing_for_quick_versions() -> list[str]:
    """Those of QUICK_REQUIREMENTS that are not installed here."""
    from slicer import packaging

    return [each for each in QUICK_REQUIREMENTS if not packaging.pip_check(each)]


def install_for_quick_versions(tell: Callable[[str], None] = lambda text: None) -> None:
    """Installs what makes quick versions. Called when the user asks for it.

    Raises:
        InstallError: with the reason in words.
    """
    missing = missing_for_quick_versions()
    tell(_("Installing {packages}...").format(packages=", ".join(missing)))
    _pip_install(missing)


def diagnostics(runner=None) -> str:
    """Versions, devices and the last log lines for a bug report. Holds no image data and no file names of images."""
    lines = [
        f"UNetSegment {_version_of_core()}",
        f"Slicer {slicer.app.applicationVersion} (revision {slicer.app.revision})",
        f"{platform.platform()}, Python {sys.version.split()[0]}",
        *(
            f"{name} {_version(name)}"
            for name in ("torch", "openvino", "nncf", "onnxruntime", "numpy", "SimpleITK", "safetensors", "vtk")
        ),
    ]
    if runner is not None:
        lines += runner.diagnostics()
        if runner.last_error is not None:
            error = runner.last_error
            lines += ["", f"last error: {error.code}: {error}", error.detail]
        lines += ["", "log:", *list(runner.log)[-200:]]
    return "\n".join(line for line in lines if line is not None)


def _install_packages(anew: bool, tell: Callable[[str], None]) -> None:
    from slicer import packaging

    # What this process has loaded cannot be replaced under it (Windows refuses), and evidently works.
    every = packaging.load_requirements(requirements_file())
    wanted = [str(each) for each in every if each.name not in sys.modules] if anew else missing_packages()
    if not wanted:
        return
    tell(_("Installing {packages}...").format(packages=", ".join(wanted)))
    flags = ["--upgrade", "--force-reinstall", "--no-deps"] if anew else []
    _pip_install([*flags, *wanted])


def _pip_install(arguments: list[str]) -> None:
    from slicer import packaging

    try:
        packaging.pip_install(arguments, requester=REQUESTER)
    except Exception as error:
        raise InstallError(
            _("The packages could not be installed: {reason}. Check the network (or the proxy) and try again.").format(
                reason=error
            )
        ) from error


def _install_torch(replace: bool, tell: Callable[[str], None]) -> None:
    """Through the PyTorch extension; ``replace`` takes away what is there first."""
    if not torch_extension_available():
        raise InstallError(
            _("PyTorch is installed by the extension 'PyTorch', which is not there. Install it in the Extensions "
              "Manager, restart Slicer, and come back.")
        )  # fmt: skip
    from PyTorchUtils import PyTorchUtilsLogic

    logic = PyTorchUtilsLogic()
    if replace:
        tell(_("Removing PyTorch..."))
        logic.uninstallTorch()
    tell(_("Installing PyTorch. This downloads up to several gigabytes..."))
    try:
        if logic.installTorch(askConfirmation=False, torchVersionRequirement=TORCH_REQUIREMENT) is None:
            raise InstallError(_("PyTorch was not installed."))
    except InstallError:
        raise
    except Exception as error:
        raise InstallError(
            _("PyTorch could not be installed: {reason}. Its packages are large: check disk space and network, then "
              "try again or see the module PyTorch Util.").format(reason=error)
        ) from error  # fmt: skip


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return _NOT_INSTALLED


def _version_of_core() -> str:
    try:
        from UNetSegmentLib.version import __version__
    except Exception:
        return "(core broken)\n" + traceback.format_exc()
    return __version__
