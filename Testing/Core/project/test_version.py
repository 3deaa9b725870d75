"""The version stands in one place; what must repeat it says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from UNetSegmentLib.io.dicom_objects.needed import OLDEST
from UNetSegmentLib.version import __version__

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_changelog_knows_the_version() -> None:
    text = (REPOSITORY / "Resources" / "Docs" / "changelog.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text, re.MULTILINE)
    assert releases[0] == __version__
    assert "## [Unreleased]" in text


def test_the_citation_names_the_version() -> None:
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((REPOSITORY / ".github" / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__ and citation["license"] == "Apache-2.0"


def test_all_ask_for_the_same_highdicom() -> None:
    """The panel installs what the library then finds new enough; it imports nothing of it, to be able to repair it."""
    panel = REPOSITORY / "UNetSegment" / "UNetSegmentPlugin" / "installing" / "environment.py"
    for file, count in ((REPOSITORY / "pyproject.toml", 2), (panel, 1)):
        assert re.findall(r'"highdicom>=([\d.]+)"', file.read_text(encoding="utf-8")) == [OLDEST] * count


def test_nothing_else_names_it() -> None:
    files = [
        REPOSITORY / "pyproject.toml",
        *REPOSITORY.glob("**/CMakeLists.txt"),
        *(REPOSITORY / "UNetSegment").rglob("*.py"),
    ]
    named = [path for path in files if __version__ in path.read_text(encoding="utf-8") and ".venv" not in path.parts]
    assert not named
