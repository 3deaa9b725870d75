"""How a test process ends that has run the harness; a ``conftest.py`` imports both hooks."""

from __future__ import annotations

import pytest

import SlicerHarness


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    session.config.harness_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if not hasattr(config, "workerinput") and hasattr(config, "harness_status"):
        SlicerHarness.leave(config.harness_status)
