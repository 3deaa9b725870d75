"""What is said of hosts: where the pixels go, what a trial has found, what to do when one is gone."""

import html
from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.worker.errors import WorkerError, error_from_code

from ..problems import problem_html
from . import hosts

_FAR = "far-"


def where_pixels_go(host: str) -> str:
    """One sentence before the first use."""
    return _(
        "Images and segments that you run or correct are sent to {host} through ssh, encrypted, and deleted there when "
        "the work is done."
    ).format(host=host)


def on_this_computer() -> list[str]:
    """A remark, while runs go to a host, where something else does not."""
    host = hosts.name_of(hosts.chosen())
    return [_("This runs on this computer, not on {host}.").format(host=host)] if host else []


def told_of(error: UNetSegmentError, url: str) -> UNetSegmentError:
    """An error of a run as it is shown: of a host that cannot be used, with this computer as one of the cures; any
    other one that has happened on a host says where."""
    if not url or error.code == WorkerError.FAR_NOT_THERE:
        return error
    if error.code.startswith(_FAR):
        way_out = _("Or choose this computer (Advanced, Where it runs).")
        return WorkerError(error.cause, f"{error.cure} {way_out}".strip(), error.detail, error.code)
    cause = _("On {host}: {cause}").format(host=hosts.name_of(url), cause=error.cause)
    return error_from_code(error.code, cause, error.cure, error.detail)


def size_text(count: int) -> str:
    """Bytes of a model, as one reads them before sending it."""
    megabytes = count / 1e6
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"


def problem_of(report: Mapping[str, Any]) -> UNetSegmentError | None:
    """Why a host cannot be used, as a trial has found; None where it can."""
    problem = report.get("problem")
    return error_from_code(**problem) if problem else None


def report_html(host: str, report: Mapping[str, Any]) -> str:
    """What a trial of a host (``far-check``'s line of JSON) has found."""
    problem = problem_of(report)
    found = [
        f"{name} {report[key]}"
        for key, name in (("python", "Python"), ("library", "UNetSegmentLib"), ("torch", "PyTorch"))
        if report.get(key)
    ]
    if problem is not None:
        text = problem_html(problem, copyable=bool(problem.detail))
        return f"{text}<br>{html.escape(', '.join(found), quote=False)}" if found else text
    devices = ", ".join(_device(device) for device in report.get("devices") or ())
    texts = [
        _("{host} is ready: {found}.").format(host=host, found=", ".join(found)),
        _("It computes on: {devices}.").format(devices=devices) if devices else "",
        _("Its worker was there after {seconds} s.").format(seconds=f"{report.get('seconds', 0.0):.1f}"),
    ]
    return html.escape(" ".join(text for text in texts if text), quote=False)


def _device(device: Mapping[str, Any]) -> str:
    memory = device.get("memory")
    return f"{device.get('title', '')} ({memory / 2**30:.0f} GB)" if memory else str(device.get("title", ""))
