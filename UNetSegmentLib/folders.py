"""Where a user's own files of UNetSegment lie by the custom of each system.

On Linux and its relatives the variables of the XDG base directory specification move them; what lay in the usual place
before is still found there.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

NAME = "unetsegment"


def data_folder() -> Path:
    """For what the user keeps: models, trainings, the list of trusted programs. It need not exist."""
    return _moved("XDG_DATA_HOME") or usual_data_folder()


def usual_data_folder() -> Path:
    """:func:`data_folder` where nothing moves it."""
    places = {"Windows": Path("AppData", "Local"), "Darwin": Path("Library", "Application Support")}
    return Path.home() / places.get(platform.system(), Path(".local", "share")) / NAME


def cache_folder() -> Path:
    """For what can be fetched or computed again. It need not exist."""
    places = {"Windows": Path("AppData", "Local", NAME, "cache"), "Darwin": Path("Library", "Caches", NAME)}
    return _moved("XDG_CACHE_HOME") or Path.home() / places.get(platform.system(), Path(".cache", NAME))


def state_folder() -> Path:
    """For what a program notes about its own runs. It need not exist."""
    places = {"Windows": Path("AppData", "Local", NAME, "state"), "Darwin": Path("Library", "Caches", NAME, "state")}
    return _moved("XDG_STATE_HOME") or Path.home() / places.get(platform.system(), Path(".local", "state", NAME))


def _moved(variable: str) -> Path | None:
    """The folder that an XDG variable asks for; relative paths are to be ignored, says the specification."""
    if platform.system() in ("Windows", "Darwin"):
        return None
    given = Path(os.environ.get(variable, ""))
    return given / NAME if given.is_absolute() else None
