"""``unetsegment library``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from nnunet_zip import nnunet_zip
from typer.testing import CliRunner, Result
from web import Web

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.models import read_card
from UNetSegmentLib.models.library import reader
from UNetSegmentLib.models.library.entries import Catalogue, Entry


@pytest.fixture
def run() -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(app, ["library", *(str(a) for a in arguments)])


@pytest.fixture
def served(web: Web, make_entry: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A catalogue of one entry, whose file this machine serves."""
    address = web.put("/liver.zip", body=nnunet_zip(["liver"]), etag='"1"')
    entry = make_entry(address, name="liver", labels=((1, "liver"),), licence="CC-BY-NC-4.0", commercial=False)
    monkeypatch.setattr(reader, "_catalogue", lambda: Catalogue(1, "today", (entry,)))
    return entry


def test_list_and_search(run: Callable[..., Result]) -> None:
    everything = run("search")
    assert everything.exit_code == 0 and "66 model(s)" in everything.stdout
    assert run().stdout == everything.stdout
    found = run("search", "kidney", "cyst", "--modality", "CT", "--free")
    assert "totalsegmentator-kidney-cysts" in found.stdout and "hip-implant" not in found.stdout
    listed = json.loads(run("search", "liver", "--json").stdout)
    assert listed[0]["licence"] and listed[0]["parts"][0]["file"]["address"].startswith("https://")


def test_what_is_not_offered_is_explained(run: Callable[..., Result]) -> None:
    assert "licence number" in run("search", "tissue", "types").stdout
    assert run("show", "no-such-model").exit_code == 4


def test_show(run: Callable[..., Result]) -> None:
    shown = run("show", "totalsegmentator-total").stdout
    for text in ("Apache-2.0", "117", "Wasserthal", "Dataset295", "1.17 GB", "liver", "--file"):
        assert text in shown, text
    assert json.loads(run("show", "hd-bet", "--json").stdout)["homepage"].startswith("https://")


def test_the_licence_stands_before_the_download(
    run: Callable[..., Result], served: Entry, web: Web, tmp_path: Path
) -> None:
    places = ("--to", tmp_path / "models", "--cache", tmp_path / "cache", "--proxy", "none")
    refused = run("get", "liver", *places)
    assert refused.exit_code == 3 and "--accept-licence" in refused.stderr and "NOT for commercial" in refused.stdout
    assert not web.requests
    done = run("get", "liver", *places, "--accept-licence")
    assert done.exit_code == 0, done.output
    assert "CC-BY-NC-4.0" in read_card(tmp_path / "models" / "liver").licence
    listed = run("cache", "--cache", tmp_path / "cache")
    assert "liver-" in listed.stdout and str(tmp_path / "cache") in listed.stdout.replace("\n", "")
    assert "1 file(s) removed" in run("cache", "--empty", "--cache", tmp_path / "cache").stdout
    assert "empty" in run("cache", "--cache", tmp_path / "cache").stdout


def test_get_from_file(run: Callable[..., Result], served: Entry, web: Web, tmp_path: Path) -> None:
    file = tmp_path / "from-a-stick.zip"
    file.write_bytes(web.resources["/liver.zip"].body)
    done = run("get", "liver", "--accept-licence", "--file", file, "--to", tmp_path / "models", "--json")
    assert json.loads(done.stdout) == {"name": "liver", "folder": str(tmp_path / "models" / "liver")}
    assert not web.requests


def test_get_without_a_network_says_what_to_do(
    run: Callable[..., Result], served: Entry, web: Web, tmp_path: Path
) -> None:
    web.resources.clear()
    failed = run("get", "liver", "--accept-licence", "--to", tmp_path, "--cache", tmp_path / "c", "--proxy", "none")
    assert failed.exit_code == 9 and "import it from file" in failed.stderr
    assert run("get", "liver", "--accept-licence", "--proxy", "nonsense").exit_code == 2
