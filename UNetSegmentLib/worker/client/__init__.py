"""The client of a worker that runs models, for panels (:mod:`.client`) and scripts (:mod:`.session`)."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "WorkerSession": "session",
        "segment_through_worker": "session",
        "run_blocking": "session",
        "WorkerClient": "client",
        "Listener": "listener",
        "WorkerState": "listener",
        "SegmentRequest": "requests",
        "SegmentResult": "requests",
        "ImportRequest": "requests",
        "InstallRequest": "requests",
    },
)
