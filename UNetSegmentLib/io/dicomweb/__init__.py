"""DICOMweb, as archives of hospitals (PACS) speak it: searching (QIDO-RS), fetching (WADO-RS), storing (STOW-RS).

DICOM PS3.18. TLS is always verified; passwords and tokens come from files or the system's keyring and appear in no
message, log or process list. dicomweb-client and requests are needed, and imported only where they are used.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Query": "searching",
        "SeriesOnServer": "searching",
        "Server": "server",
        "fetch_series": "fetching",
        "find_series": "searching",
        "store_files": "storing",
    },
)
