"""What mkdocs adds to the pages of Resources/Docs.

README as the first page, pictures from elsewhere in the checkout, the references of the command line and of the API.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCS = "Resources/Docs/"
# Folders whose pictures README and the pages show, and what they are called on the site.
PICTURES = {"Resources/Screenshots": "screenshots", "UNetSegment/Resources/Icons": "assets"}
PROJECT = "https://github.com/UNetSegment/SlicerUNetSegment/blob/main/"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and pictures that do not lie among the documents."""
    sys.path[:0] = [str(ROOT), str(HERE)]
    import api_pages
    import command_reference

    pages = {"index.md": readme(), "command-line.md": command_reference.page(), **api_pages.pages()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for folder, name in PICTURES.items():
        for picture in sorted((ROOT / folder).glob("*.png")):
            files.append(File.generated(config, f"{name}/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links from a page to files of the checkout that are no pages lead to the project's repository."""

    def link(match: re.Match[str]) -> str:
        target = match[2]
        path = posixpath.normpath(DOCS + target)
        if path == "README.md":
            return f"{match[1]}(index.md)"
        for folder, name in PICTURES.items():
            if path.startswith(f"{folder}/"):
                return f"{match[1]}({name}/{posixpath.basename(path)})"
        return f"{match[1]}({PROJECT}{path})"

    return re.sub(r"(\])\((\.\./[^)\s]+)\)", link, markdown)


def readme() -> str:
    """README with its links as they are from the folder of the documents."""

    def link(match: re.Match[str]) -> str:
        target = match[2]
        if "://" in target or target.startswith("#"):
            return match[0]
        if target.startswith(DOCS):
            return f"{match[1]}({target.removeprefix(DOCS)})"
        return f"{match[1]}(../../{target})"

    return re.sub(r"(\])\(([^)\s]+)\)", link, (ROOT / "README.md").read_text(encoding="utf-8"))
