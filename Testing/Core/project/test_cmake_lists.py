"""The extension installs what the CMake files name: every file that the module and the core need, nothing else."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cmake_lists import LISTS, REPOSITORY, FileList

FOLDERS_OF_PYTHON = ("UNetSegment", "UNetSegmentLib")


@pytest.mark.parametrize("files", LISTS, ids=lambda files: f"{files.folder}: {files.start}")
def test_every_file_is_named_and_every_name_is_a_file(files: FileList) -> None:
    named, present = files.named(), files.present()
    assert sorted(named) == present, (
        f"{files.cmake_file} names {sorted(set(named) - set(present))} too much and lacks "
        f"{sorted(set(present) - set(named))}. Run: python Testing/Core/project/cmake_lists.py"
    )
    assert len(named) == len(set(named))


def test_every_text_resource_that_the_module_opens_is_installed() -> None:
    """Names of .ui, .png, .svg and .txt files in the module's code exist among its resources."""
    resources = {Path(name).name for files in LISTS if "RESOURCES" in files.start for name in files.named()}
    for path in (REPOSITORY / "UNetSegment").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            if re.fullmatch(r"[\w/]+\.(ui|png|svg|txt)", node.value):
                assert Path(node.value).name in resources, f"{path.name} opens {node.value}"


def test_no_package_folder_lacks_its_init_file() -> None:
    for folder in FOLDERS_OF_PYTHON:
        for path in (REPOSITORY / folder).rglob("*.py"):
            # Neither is a package: Slicer runs their files by itself.
            if path.parent not in (REPOSITORY / "UNetSegment", REPOSITORY / "UNetSegment" / "UNetSegmentEffect"):
                assert (path.parent / "__init__.py").is_file(), path


def test_weights_and_card_of_each_model_are_complete() -> None:
    for card in (REPOSITORY / "UNetSegmentLib" / "models" / "bundled").glob("*/model.json"):
        for name in json.loads(card.read_text(encoding="utf-8"))["digests"]:
            assert (card.parent / name).is_file(), f"{card.parent.name} lacks {name}"


def test_the_top_level_file_and_the_index_entry_agree() -> None:
    cmake = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    (entry,) = REPOSITORY.glob("*.json")
    description = json.loads(entry.read_text(encoding="utf-8"))
    (project,) = re.findall(r"^project\((\w+)\)", cmake, re.MULTILINE)
    assert entry.stem == project and not project.startswith("Slicer")
    assert description["scm_url"].rstrip("/").endswith(f"/Slicer{project}.git")
    (depends,) = re.findall(r'EXTENSION_DEPENDS "([^"]*)"', cmake)
    assert depends.split() == description["build_dependencies"]
    allowed = {"scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}
    assert {"$schema", "category", "scm_url"} <= set(description) <= {"$schema", "category", "scm_url", *allowed}
    for folder in re.findall(r"add_subdirectory\(([\w/]+)\)", cmake):
        assert (REPOSITORY / folder / "CMakeLists.txt").is_file(), folder


def test_urls_of_icon_and_screenshots_are_files_of_this_repository() -> None:
    cmake = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    urls = re.findall(r'EXTENSION_(?:ICONURL|SCREENSHOTURLS) "([^"]*)"', cmake)
    paths = [url.split("/main/", 1)[1] for value in urls for url in value.split()]
    assert len(paths) >= 2
    for path in paths:
        assert (REPOSITORY / path).is_file(), path
