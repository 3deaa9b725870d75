"""README and the pages: links lead to files, paths that are named exist, commands are those that the program knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import typer.main

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Demos"))

from documented import PAGES, REPOSITORY, Command, commands
from run_docs import run
from stand_ins import make_stand_ins

PROJECT = "https://github.com/UNetSegment/SlicerUNetSegment/"
README_LINES = 150
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)`")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings)
    return {re.sub(r"\s", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in _LINK.findall(_FENCE.sub("", text_of(page))):
        if link.startswith(PROJECT):
            link = re.sub(r"^(blob|tree)/main/?", "", link.removeprefix(PROJECT))
            target = REPOSITORY / link if not link.startswith(("issues", "compare", "releases")) else REPOSITORY
        elif "://" in link:
            continue
        else:
            path, _, anchor = urllib.parse.unquote(link).partition("#")
            target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
            assert not anchor or anchor in anchors(target), f"{page}: {link}"
        assert target.exists(), f"{page}: {link}"


def test_the_package_index_gets_links_that_work_there() -> None:
    links = _LINK.findall(text_of("UNetSegmentLib/README.md"))
    assert links
    assert all(link.startswith("https://") for link in links)


def test_every_path_named_in_architecture_exists() -> None:
    named = _PATH.findall(text_of("Resources/Docs/architecture.md"))
    assert len(named) > 80
    missing = [path for path in named if not (REPOSITORY / path).exists()]
    assert not missing
    folders = [path for path in named if path.endswith("/") and not (REPOSITORY / path).is_dir()]
    assert not folders


def test_every_path_named_in_architecture_is_a_click_away() -> None:
    """From README over this page to the file: two clicks."""
    text = text_of("Resources/Docs/architecture.md")
    assert "(Resources/Docs/architecture.md)" in text_of("README.md")
    bare = [path for path in _PATH.findall(text) if f"[`{path}`](../../{path})" not in text]
    assert not bare


def test_every_room_is_named_in_architecture() -> None:
    named = set(_PATH.findall(text_of("Resources/Docs/architecture.md")))
    for house in (REPOSITORY / "UNetSegmentLib", REPOSITORY / "UNetSegment" / "UNetSegmentPlugin"):
        rooms = [init.parent for init in house.glob("*/__init__.py")]
        missing = [room.name for room in rooms if f"{room.relative_to(REPOSITORY).as_posix()}/" not in named]
        assert not missing


def test_the_picture_of_the_house_is_that_of_the_imports() -> None:
    pytest.importorskip("grimp")
    command = [sys.executable, str(REPOSITORY / "Testing" / "Architecture" / "draw.py"), "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_is_short_and_names_every_page() -> None:
    text = text_of("README.md")
    assert len(text.splitlines()) <= README_LINES
    pages = {page for page in PAGES if page.startswith(("Resources/Docs/", ".github/"))}
    assert pages <= set(_LINK.findall(text))


def test_every_page_has_its_place_on_the_site() -> None:
    site = text_of("Testing/Site/mkdocs.yml")
    missing = [page for page in PAGES if page.startswith("Resources/Docs/") and f": {Path(page).name}\n" not in site]
    assert not missing


def test_what_users_read_needs_no_folder_that_users_lack() -> None:
    for page in PAGES:
        if page not in ("Resources/Docs/repeating.md", ".github/CONTRIBUTING.md"):
            assert "../shared" not in text_of(page), page


@pytest.mark.parametrize("command", tuple(commands()), ids=lambda command: f"{command.page}:{command.line}")
def test_the_program_knows_every_command(command: Command) -> None:
    """Names, options and values are those of the command; ``python Testing/Demos/run_docs.py`` also runs them."""
    words = command.words
    if words[0] == "unetsegment":
        parse(words[1:])
    elif command.language == "python":
        ast.parse(command.text)
    elif words[0] == "python" and words[1] != "-m":
        assert Path(words[1]).is_file()
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", text_of("Makefile"), re.MULTILINE)
    else:
        assert words[0] in ("pip", "python", "torchrun", "$C") or words[0].startswith("C=")


def parse(words: list[str]) -> None:
    """Goes through the command's arguments without running it."""
    from UNetSegmentLib.cli.app import app

    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "list_commands") and words[0] in command.list_commands(None):
        command, words = command.get_command(None, words[0]), words[1:]
    if not hasattr(command, "list_commands"):
        command.make_context(command.name, list(words))
    else:
        assert not words


def test_the_commands_of_readme_run(tmp_path: Path) -> None:
    """All but the training; ``python Testing/Demos/run_docs.py`` runs those of every page."""
    pytest.importorskip("nilearn")
    chosen = [c for c in commands() if c.page == "README.md" and not c.skipped and "train" not in c.words]
    assert len(chosen) >= 5
    make_stand_ins(tmp_path / "work", [name for command in chosen for name in command.files])
    failed = [command.shown for command in chosen if not run(command, tmp_path / "work")]
    assert not failed


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["segment", "a.nii", "b.nii"], "MissingParameter"),
        (["segment", "--no-such"], "NoSuchOption"),
        (["segment", "a.nii", "b.nii", "-m", "x", "--overlap", "much"], "BadParameter"),
        (["no-such"], "AssertionError"),
    ],
)
def test_a_command_that_the_program_does_not_know_is_found(words: list[str], error: str) -> None:
    """By the name of the error: typer may bring its own copy of click."""
    with pytest.raises(Exception) as caught:
        parse(words)
    assert type(caught.value).__name__ == error
