"""A thin, strict stand-in for the Slicer application, so that a scripted module runs headless on real MRML.

``boot()`` installs the modules ``slicer``, ``qt`` and ``ctk``. See README.md for what is real and what is not.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from .strictness import dump

NEEDED = {"slicer_core": "slicer-core", "PySide6": "PySide6-Essentials", "shiboken6": "PySide6-Essentials"}


def why_unavailable() -> str | None:
    """Say why the harness cannot run here; None when it can."""
    for module, package in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            return f"the Slicer harness needs the package {package}"
    if sys.version_info < (3, 12) and importlib.metadata.version("PySide6-Essentials") >= "6.12":
        return "PySide6 6.12 miscounts references to None before Python 3.12: install PySide6-Essentials<6.12"
    if not dump.available():
        return f"the Slicer harness needs {dump.DUMP_FOLDER}, the listing of a real Slicer's names"
    return None


@cache
def boot(source: str | None = None):
    """Start the application once; return the ``slicer`` module.

    Args:
        source: a checkout of Slicer whose own Python files replace the stand-ins (``slicersource``).
    """
    # PythonQt's enumerations are integers. PySide6 reads this before its first import.
    sys.pyside6_option_python_enum = 0x03  # type: ignore[attr-defined]
    from PySide6 import QtWidgets

    application = QtWidgets.QApplication(["Slicer", "-platform", "offscreen"])
    application.setApplicationName("Slicer")
    application.setOrganizationName("NA-MIC")
    application.setStyle("Fusion")
    from . import namespace
    from .application import settings, slicersource

    home = Path(tempfile.mkdtemp(prefix="slicer-harness-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    settings.use_folder(home / "settings")
    slicer = namespace.install(home, slicersource.folder_of(source))
    slicer.app._qt = application
    atexit.register(_end, slicer)
    return slicer


def _end(slicer) -> None:
    """What observes views goes before the views do."""
    from .effects import editoreffects

    editoreffects.end_all()
    slicer.app.layoutManager().threeDWidget(0).threeDView()._end()


def leave(status: int) -> None:
    """Ends a process that has run the harness: PySide6 deletes Qt's objects by a list made before, and can stumble over
    wrappers that went meanwhile. Everything else that was to happen at the end happens."""
    if "slicer" not in sys.modules or "PySide6.QtCore" not in sys.modules:
        return
    atexit.unregister(getattr(sys.modules["PySide6.QtCore"], "__moduleShutdown", None))
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
