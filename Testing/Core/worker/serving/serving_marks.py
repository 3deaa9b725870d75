"""What the tests of the worker's process share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., tuple[Any, Any]]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
