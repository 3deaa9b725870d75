"""Runs the module's tests in the harness: boots it once, loads the real module, skips where that is impossible."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[1]
if str(TESTING) not in sys.path:
    sys.path.insert(0, str(TESTING))

import SlicerHarness  # noqa: E402
from SlicerHarness.application import slicersource  # noqa: E402
from SlicerHarness.ending import pytest_sessionfinish, pytest_unconfigure  # noqa: E402, F401

MODULE_FILE = TESTING.parent / "UNetSegment" / "UNetSegment.py"


class _Skipped(pytest.Module):
    """A test file that cannot run here."""

    def collect(self):
        pytest.skip(SlicerHarness.why_unavailable(), allow_module_level=True)


def pytest_addoption(parser):
    slicersource.add_option(parser)


def pytest_report_header(config):
    source = slicersource.folder_of(config.getoption(slicersource.OPTION))
    return [] if source is None else [f"slicer.{', slicer.'.join(slicersource.MODULES)} are those of {source}"]


def pytest_terminal_summary(terminalreporter, config):
    """Say in what the stand-ins differ from a checkout that was given."""
    source = config.getoption(slicersource.OPTION)
    if source is None or SlicerHarness.why_unavailable() is not None:
        return
    from SlicerHarness import namespace

    SlicerHarness.boot(source)
    import slicer.packaging

    lines = [d for n, m in namespace.submodules().items() for d in slicersource.differences(m, getattr(slicer, n))]
    terminalreporter.section(f"{len(lines)} differences between the stand-ins and Slicer's own files")
    for line in lines:
        terminalreporter.line(line)


def pytest_pycollect_makemodule(module_path, parent):
    """Boot before a test file imports ``slicer``."""
    if SlicerHarness.why_unavailable() is not None:
        return _Skipped.from_parent(parent, path=module_path)
    SlicerHarness.boot(parent.config.getoption(slicersource.OPTION))
    return None


@pytest.fixture(scope="session", autouse=True)
def loaded_module(request):
    """Load UNetSegment as Slicer's factory does; unload it at the end, as closing Slicer would."""
    if SlicerHarness.why_unavailable() is not None or not MODULE_FILE.is_file():
        yield None
        return
    slicer = SlicerHarness.boot(request.config.getoption(slicersource.OPTION))
    from SlicerHarness.application import factory

    module = factory.load(MODULE_FILE)
    slicer.app.startupCompleted.emit()
    yield module
    factory.unload(module)


@pytest.fixture(autouse=True)
def no_dialog():
    """Fail a test that opened a modal dialog nobody asked for."""
    if SlicerHarness.why_unavailable() is not None:
        yield
        return
    from SlicerHarness.application import packaging
    from SlicerHarness.toolkit import dialogs

    dialogs.reset()
    packaging.record.reset()
    yield
    assert not dialogs.answers, f"these answers were never asked for: {dialogs.answers}"
