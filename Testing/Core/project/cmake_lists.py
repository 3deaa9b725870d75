"""The file lists in the CMake files, and what they should hold. ``python cmake_lists.py`` renews them in place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
_HIDDEN = ("__pycache__", ".")


@dataclass(frozen=True)
class FileList:
    """One list in one CMake file.

    Args:
        folder: where the CMake file is; its entries are relative to it.
        start: the text before the list, which ends at the next closing parenthesis.
        patterns: globs of the files that must be named.
        suffix: what the entries leave out of a file's name.
    """

    folder: str
    start: str
    patterns: tuple[str, ...]
    suffix: str = ""

    @property
    def cmake_file(self) -> Path:
        return REPOSITORY / self.folder / "CMakeLists.txt"

    def named(self) -> list[str]:
        """What the CMake file names, as it stands there."""
        return self._match().group(2).split()

    def present(self) -> list[str]:
        """What is there to be named."""
        root = REPOSITORY / self.folder
        files = {path.relative_to(root) for pattern in self.patterns for path in root.glob(pattern) if path.is_file()}
        shown = (path for path in files if not any(part.startswith(_HIDDEN) for part in path.parts))
        return sorted(path.as_posix().removesuffix(self.suffix) for path in shown)

    def renew(self) -> None:
        """Writes what is present."""
        text = self.cmake_file.read_text(encoding="utf-8")
        start, stop = self._match().span(2)
        entries = "".join(f"\n  {entry}" for entry in self.present()) + "\n  "
        self.cmake_file.write_text(text[:start] + entries + text[stop:], encoding="utf-8")

    def _match(self) -> re.Match[str]:
        text = self.cmake_file.read_text(encoding="utf-8")
        match = re.search(rf"({re.escape(self.start)})([^)]*)\)", text)
        if match is None:
            raise ValueError(f"{self.cmake_file} has no '{self.start}'")
        return match


LISTS: Iterable[FileList] = (
    FileList(
        "UNetSegment",
        "set(MODULE_PYTHON_SCRIPTS",
        ("UNetSegment.py", "UNetSegmentEffect/*.py", "UNetSegmentPlugin/**/*.py"),
    ),
    FileList(
        "UNetSegment",
        "set(MODULE_PYTHON_RESOURCES",
        ("Resources/UI/*.ui", "Resources/Icons/*", "Resources/Terminology/*", "Resources/*.txt"),
    ),
    FileList("UNetSegmentLib", "set(CORE_PYTHON_SCRIPTS", ("**/*.py",)),
    FileList("UNetSegmentLib", "set(CORE_PYTHON_RESOURCES", ("**/*.json", "**/*.safetensors", "py.typed")),
    FileList("Testing/Slicer", "foreach(test IN ITEMS", ("test_*.py",), ".py"),
)


if __name__ == "__main__":
    for each in LISTS:
        each.renew()
