"""The commands that README and the pages show, and which of them cannot be run just anywhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "UNetSegmentLib/README.md",
    ".github/CONTRIBUTING.md",
    *(path.relative_to(REPOSITORY).as_posix() for path in sorted((REPOSITORY / "Resources" / "Docs").glob("*.md"))),
)

SKIPPED = (
    (r"^pip ", "changes the environment"),
    (r"^make ", "makes an environment of its own, or takes long"),
    (r"^unetsegment library get ", "downloads a model"),
    (r"--pretrained ", "needs ImageNet weights of timm"),
    (r"--compile\b", "needs a C++ compiler, and minutes"),
    (r"^(C=|\$C )", "trains for hours"),
    (r"Testing/(Benchmarks|Parity)/|correction_pictures", "takes long, and needs ../shared/data"),
    (r"Testing/(Slicer/screenshots|Architecture/draw)\.py", "draws pictures of the pages anew"),
    (r"\bslicer\.util\b", "needs Slicer"),
    (r"ssh://me@gpu", "needs a host that ssh reaches; Testing/Core/worker/far starts one"),
    (r"--dicomweb ", "needs a DICOMweb server; Testing/Demos/pacs.py starts one"),
    (r"^from UNetSegmentLib.inference import attention_of\n", "goes on with values of the reader's"),
)
"""The rule: what matches is not run, and this is why. Everything else in an ``sh`` block is."""

MINUTES = "0.1"
"""What trainings get instead of the minutes that a page gives them."""

_PLACEHOLDERS = {"MODEL": "levels", "K": "0"}
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Args:
        page: path of the page in the repository.
        line: of the block's first line of code, from 1.
        language: ``sh`` or ``python``.
        text: the code.
    """

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line of an ``sh`` block, or a whole ``python`` block.

    Args:
        text: as it stands in the page.
        language: ``sh`` or ``python``.
    """

    page: str
    line: int
    text: str
    language: str = "sh"

    @property
    def shown(self) -> str:
        """One line of it."""
        return self.text if self.language == "sh" else f"{self.text.splitlines()[0]} ..."

    @property
    def files(self) -> list[str]:
        """Words of it that may be names of the reader's files."""
        return self.words if self.language == "sh" else re.findall(r'"([^"]*)"', self.text)

    @property
    def skipped(self) -> str:
        """Why it is not run; empty when it is."""
        return next((reason for pattern, reason in SKIPPED if re.search(pattern, self.text)), "")

    @property
    def words(self) -> list[str]:
        """As they are run: names in capitals filled in, trainings short, files of the repository by whole paths."""
        if self.language == "python":
            return ["python", "-c", self.text]
        words = [_PLACEHOLDERS.get(word, word) for word in shlex.split(self.text, comments=True)]
        if "--minutes" in words:
            words[words.index("--minutes") + 1] = MINUTES
        inside = ("Resources/", "Testing/")
        return [str(REPOSITORY / word) if word.startswith(inside) else word for word in words]


def blocks() -> Iterator[Block]:
    """Every block of code that is marked as ``sh`` or ``python``, page by page."""
    for page in PAGES:
        text = (REPOSITORY / page).read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            yield Block(page, text.count("\n", 0, found.start(2)) + 1, found[1], found[2])


def commands() -> Iterator[Command]:
    """Every command, in the order in which a reader would run them."""
    for block in blocks():
        if block.language == "python":
            yield Command(block.page, block.line, block.text, block.language)
        else:
            for number, line in enumerate(block.text.splitlines(), start=block.line):
                text = line.strip()
                if text and not text.startswith("#"):
                    yield Command(block.page, number, text)
