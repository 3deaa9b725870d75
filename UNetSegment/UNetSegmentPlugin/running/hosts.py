"""Where it runs: this computer, or a host that the user has named. A choice of the computer, not of the scene."""

import shlex
from collections.abc import Sequence

import qt

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.worker.client.client import default_command
from UNetSegmentLib.worker.far.address import FarHost
from UNetSegmentLib.worker.far.launch import far_check_command, far_command
from UNetSegmentLib.worker.refining import refine_command

from .worker_process import python_executable

HERE = ""
"""This computer, in place of a host's address."""

_HOSTS, _CHOSEN, _SSH = "UNetSegment/FarHosts", "UNetSegment/WhereItRuns", "UNetSegment/FarSsh"
_SEND_MODELS, _TOLD = "UNetSegment/FarSendModels/{}", "UNetSegment/FarTold/{}"
# The settings' file gives text back after a restart.
_YES = (True, "true", "1")


def known() -> list[str]:
    """Addresses of the hosts, in the order in which they were added."""
    found = qt.QSettings().value(_HOSTS)
    every = [found] if isinstance(found, str) else list(found or ())
    return [url for url in every if _is_address(url)]


def add(text: str) -> str:
    """Remembers a host, and returns its address as it is remembered.

    Raises:
        InputError: it is no address.
    """
    text = text.strip()
    url = FarHost.parse(text if "://" in text else f"ssh://{text}").url
    if url not in known():
        _remember([*known(), url])
    return url


def remove(url: str) -> None:
    """Forgets a host, and all that was permitted to it."""
    _remember([other for other in known() if other != url])
    settings = qt.QSettings()
    for key in (_SEND_MODELS, _TOLD):
        settings.remove(key.format(url))
    if chosen() == url:
        choose(HERE)


def chosen() -> str:
    """The address of the host that the next run goes to; empty for this computer."""
    url = str(qt.QSettings().value(_CHOSEN) or HERE)
    return url if url in known() and told(url) else HERE


def choose(url: str) -> None:
    """From the next run on."""
    qt.QSettings().setValue(_CHOSEN, url)


def told(url: str) -> bool:
    """Whether the user has read where the pixels go, and agreed."""
    return qt.QSettings().value(_TOLD.format(url)) in _YES


def agree(url: str) -> None:
    """The user agrees that images go to a host."""
    qt.QSettings().setValue(_TOLD.format(url), True)


def may_send_models(url: str) -> bool:
    """Whether models that the host lacks may be sent there."""
    return qt.QSettings().value(_SEND_MODELS.format(url)) in _YES


def permit_models(url: str) -> None:
    """They may."""
    qt.QSettings().setValue(_SEND_MODELS.format(url), True)


def name_of(url: str) -> str:
    """The host as people call it; empty for this computer."""
    return FarHost.parse(url).host if url else ""


def device_at(url: str, device: str) -> str:
    """A device's name for what is remembered of it: those of hosts are others than those of this computer."""
    return f"{device}@{name_of(url)}" if url else device


def ssh() -> tuple[str, ...]:
    """Program and first arguments; the setting ``UNetSegment/FarSsh`` may name others (``ssh -F file``)."""
    return tuple(shlex.split(str(qt.QSettings().value(_SSH) or "ssh"))) or ("ssh",)


def run_command(url: str, send_models: bool = False) -> list[str]:
    """The command that starts a worker for runs."""
    python = python_executable()
    if not url:
        return default_command(python)
    return far_command(FarHost.parse(url), send_models=send_models, ssh=ssh(), python=python)


def correct_command(url: str) -> list[str]:
    """The command that starts a worker for corrections."""
    python = python_executable()
    return far_command(FarHost.parse(url), refine=True, ssh=ssh(), python=python) if url else refine_command(python)


def check_command(url: str) -> list[str]:
    """The command that tries a host."""
    return far_check_command(FarHost.parse(url), ssh=ssh(), python=python_executable())


def _remember(urls: Sequence[str]) -> None:
    qt.QSettings().setValue(_HOSTS, list(urls))


def _is_address(url: object) -> bool:
    try:
        return isinstance(url, str) and bool(FarHost.parse(url))
    except InputError:
        return False
