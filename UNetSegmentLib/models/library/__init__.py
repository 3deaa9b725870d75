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
        "catalogue": "catalogue",
        "download": "download",
        "empty_cache": "cache",
        "entry_labels": "labels",
        "find_entry": "catalogue",
        "install": "install",
        "installed": "install",
        "offline_instructions": "download",
        "search": "search",
        "unavailable": "catalogue",
    },
)
