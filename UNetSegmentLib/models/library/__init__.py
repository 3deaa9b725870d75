"""The library: a catalogue of public models, found by anatomy, modality and licence, downloaded and installed.

Importing this package imports no torch and opens no connection; the public names load on first use.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "CachedFile": "cache",
        "DownloadSettings": "settings",
        "Entry": "entries",
        "Part": "entries",
        "RemoteFile": "entries",
        "Unavailable": "entries",
        "cache_contents": "cache",
        "cache_folder": "cache",
        "catalogue": "reader",
        "download": "downloading",
        "empty_cache": "cache",
        "entry_labels": "labels",
        "find_entry": "reader",
        "install": "installation",
        "installed": "installation",
        "offline_instructions": "downloading",
        "search": "searching",
        "unavailable": "reader",
    },
)
