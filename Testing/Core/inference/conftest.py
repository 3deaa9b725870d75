from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of these tests may reach the user's own cache."""
    from UNetSegmentLib.inference.backends.openvino_backend import forget_compiled

    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    forget_compiled()
    return tmp_path
