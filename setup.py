"""The one thing that pyproject.toml cannot say: in the package index the README's links point to the repository.

There a page has no folder beside it, so ``Resources/...`` would lead nowhere.
"""

import re
from pathlib import Path

from setuptools import setup

REPOSITORY = "https://github.com/UNetSegment/SlicerUNetSegment"
PICTURES = "https://raw.githubusercontent.com/UNetSegment/SlicerUNetSegment/main"

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)\s]+)\)")


def absolute(text: str) -> str:
    """The text (Markdown) with every link to a file of the repository as an address."""

    def replaced(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        base = PICTURES if mark else f"{REPOSITORY}/blob/main"
        return f"{mark}[{words}]({base}/{target})"

    return _LINK.sub(replaced, text)


readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
setup(long_description=absolute(readme), long_description_content_type="text/markdown")
