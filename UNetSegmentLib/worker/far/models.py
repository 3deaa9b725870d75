"""Models that a request names, made known to the host, and sent there after the user's word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import WorkerError
from .failures import far_error
from .options import FarOptions
from .packages import MODEL_FILE, MODEL_PREFIX, LocalPackage, local_package
from .stream.frames import control
from .stream.sending import Outgoing, Parcel, ProgressOfBytes, Refused, Sender, Steps

_NAMING = ("load", "segment", "unload")


class ModelSending:
    """What is known of the host's models.

    Args:
        options: whether models may be sent.
    """

    def __init__(self, options: FarOptions) -> None:
        self._options = options
        self._there: set[str] = set()

    def package_of(self, body: dict[str, Any]) -> LocalPackage | None:
        """The package that a request names; None for a name that the host may know, and for requests without.

        Raises:
            ModelError: there is none at that path.
        """
        model = body.get("model")
        if body.get("type") not in _NAMING or not isinstance(model, str):
            return None
        return local_package(model)

    def named(self, body: dict[str, Any], package: LocalPackage | None) -> dict[str, Any]:
        """The request with the name by which both ends know its model."""
        if package is None:
            return body
        return {**body, "model": f"{MODEL_PREFIX}{package.digest}:{package.name}"}

    def steps(self, package: LocalPackage, progress: ProgressOfBytes) -> Callable[[Sender, Parcel], Steps]:
        """Steps that end with the model on the host, or with Refused."""

        def steps(sender: Sender, parcel: Parcel) -> Steps:
            if package.digest in self._there:
                return
            token = f"{MODEL_PREFIX}{package.digest}"
            yield control("model", token=token, digest=package.digest, name=package.name)
            if not (yield from sender.wait(token, parcel)).get("there"):
                if not self._options.send_models:
                    raise Refused(self._missing(package))
                yield from self._send(package, token, sender, parcel, progress)
            self._there.add(package.digest)

        return steps

    def _send(
        self, package: LocalPackage, token: str, sender: Sender, parcel: Parcel, progress: ProgressOfBytes
    ) -> Steps:
        yield control("model-begin", token=token, digest=package.digest)
        yield from sender.wait(token, parcel)
        done = 0
        told, parcel.progress = parcel.progress, progress
        for name, (opener, size) in package.files.items():
            yield from sender.array(Outgoing(f"{MODEL_FILE}{name}", opener, size), parcel, done, package.size)
            done += size
        parcel.progress = told
        yield control("model-end", token=token, digest=package.digest)
        yield from sender.wait(token, parcel)

    def _missing(self, package: LocalPackage) -> WorkerError:
        return far_error(
            WorkerError.FAR_MODEL_MISSING,
            f"{self._options.host.host} does not have the model '{package.name}' ({package.size / 1e6:.0f} MB).",
            "Permit that it is sent there (command line: --send-model; in Slicer: Send models), or install it on the"
            " host.",
        )
