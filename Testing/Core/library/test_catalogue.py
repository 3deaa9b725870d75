"""The catalogue itself: every entry complete and consistent, the lists as long as their sources'."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import typed_json
from UNetSegmentLib.models.library import catalogue, entry_labels, find_entry, unavailable
from UNetSegmentLib.models.library.entries import Entry
from UNetSegmentLib.models.library.reader import read_catalogue

FILE = Path(__file__).resolve().parents[3] / "UNetSegmentLib" / "models" / "library" / "catalogue.json"

# TotalSegmentator 2.18: 35 open tasks in map_tasks_config.py. Not offered are test, total_highres_test (no address) and
# vertebrae_pp_refined (two others combined); total, total_v3 and total_mr have three resolutions, body and body_mr two.
TOTALSEGMENTATOR = 35 - 3 + 3 * 2 + 2 * 1
LICENSED = 18
CADS = 2 * 9
MONAI = 5
OTHERS = 3


def test_the_lists_are_complete() -> None:
    kinds = Counter(entry.name.partition("-")[0] for entry in catalogue())
    assert kinds["totalsegmentator"] == TOTALSEGMENTATOR == 40
    assert kinds["cads"] == CADS and kinds["monai"] == MONAI
    assert len(catalogue()) == TOTALSEGMENTATOR + CADS + MONAI + OTHERS == 66
    assert sum("licence number" in each.reason for each in unavailable()) == LICENSED


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_every_entry_can_be_installed_as_it_stands(entry: Entry) -> None:
    for part in entry.parts:
        address = urlsplit(part.file.address)
        assert address.scheme == "https" and part.file.name.endswith(".zip")
        assert address.hostname in ("github.com", "zenodo.org", "api.ngc.nvidia.com")
    assert entry.licence and entry.licence_address.startswith("https://") and "read_from" not in entry.read_from
    assert entry.commercial == ("NC" not in entry.licence)
    labels = entry_labels(entry)
    assert len({label.value for label in labels}) == len({label.name for label in labels}) == len(labels)
    assert re.search(r" at [0-9a-f]{12}:", entry.read_from), "the revision that the facts were read at"


def test_the_merged_tables_are_the_known_ones() -> None:
    total = find_entry("totalsegmentator-total")
    assert [len(part.labels) for part in total.parts] == [24, 26, 18, 23, 26]
    assert len(total.labels) == sum(len(part.labels) for part in total.parts) == 117
    assert dict(total.labels)[5] == "liver" and dict(total.labels)[117] == "costal_cartilages"
    assert total.labels == find_entry("totalsegmentator-total-fast").labels
    mr = find_entry("totalsegmentator-total-mr")
    assert [len(part.labels) for part in mr.parts] == [29, 21] and len(mr.labels) == 50
    assert [len(part.labels) for part in find_entry("totalsegmentator-headneck-muscles").parts] == [11, 12]
    cads = [entry for entry in catalogue() if entry.name.startswith("cads-open")]
    assert sum(len(entry.labels) for entry in cads) == 167


def test_the_third_version_of_total_has_a_sixth_lumbar_vertebra() -> None:
    """Datasets 831 to 837 in TotalSegmentator's map_tasks_config.py, labels in its map_to_binary.py."""
    total, older = find_entry("totalsegmentator-total-v3"), find_entry("totalsegmentator-total")
    assert dict(total.labels) == {**dict(older.labels), 26: "vertebrae_L6"}
    assert total.labels == find_entry("totalsegmentator-total-v3-fast").labels
    entries = [each for each in catalogue() if each.name.startswith("totalsegmentator-total-v3")]
    files = sorted(part.file.address.rpartition("/")[2][:10] for each in entries for part in each.parts)
    assert files == [f"Dataset{n}" for n in range(831, 838)]
    assert {part.plans for each in entries for part in each.parts} == {"nnUNetPlans"}
    assert all("/v3.0.0-weights/" in part.file.address for each in entries for part in each.parts)


def test_images_are_turned_as_the_originals_do() -> None:
    turned = {entry.name.partition("-")[0]: entry.orientation for entry in catalogue() if entry.orientation}
    assert turned == {"totalsegmentator": "RAS", "cads": "RAS", "mrsegmentator": "LPS"}


def test_sizes_and_digests_are_only_where_a_source_has_them() -> None:
    files = [part.file for entry in catalogue() for part in entry.parts]
    # Of TotalSegmentator's 50 files all but one and the seven of version 3, and MRSegmentator's.
    assert sum(file.bytes is not None for file in files) == 43
    assert [sum(getattr(file, kind) is not None for file in files) for kind in ("sha256", "sha1", "md5")] == [
        5,
        MONAI,
        1,
    ]
    assert find_entry("totalsegmentator-total").bytes == 1169624951


def test_licensed_models_are_named_with_the_reason() -> None:
    with pytest.raises(ModelError, match="licence number"):
        find_entry("totalsegmentator-heartchambers-highres")
    with pytest.raises(ModelError, match="Did you mean 'totalsegmentator-liver-lesions'"):
        find_entry("totalsegmentator-liver-lesion")


def test_the_file_is_read_strictly() -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    assert typed_json.to_json(read_catalogue(json.dumps(data)))["entries"][0]["name"] == data["entries"][0]["name"]
    spoiled = {
        "licence": "",
        "licence_address": "http://example.org",
        "regions": ["elbow"],
        "modalities": [],
        "labels": [[1, "a"], [1, "b"]],
        "name": "a/b",
        "spacing": [1, 1, 1],
    }
    for field, value in spoiled.items():
        entry = {**data["entries"][0], field: value}
        with pytest.raises(ModelError, match=field):
            read_catalogue(json.dumps({**data, "entries": [entry]}))
    part = data["entries"][0]["parts"][0]
    for address in (
        "http://example.org/a.zip",
        "file:///a.zip",
        "https://u:p@example.org/a.zip",
        "https://x.org/a.exe",
    ):
        spoiled_part = {**part, "file": {"address": address}}
        with pytest.raises(ModelError, match="address"):
            read_catalogue(json.dumps({**data, "entries": [{**data["entries"][0], "parts": [spoiled_part]}]}))
    with pytest.raises(ModelError, match="no other entry"):
        read_catalogue(json.dumps({**data, "entries": [data["entries"][0]] * 2}))
    for text in ("{", "[]", '{"format_version": 99}'):
        with pytest.raises(ModelError, match="catalogue cannot be read"):
            read_catalogue(text)


def test_listing_needs_neither_torch_nor_a_network() -> None:
    script = (
        "import sys, socket\n"
        "socket.socket.connect = None\n"
        "from UNetSegmentLib.models.library import cache_contents, catalogue, download, entry_labels, install, search\n"
        "assert callable(search) and callable(download) and callable(install)\n"
        "assert search('liver') and entry_labels(catalogue()[0])\n"
        "print([name for name in ('torch', 'SimpleITK', 'numpy', 'ssl') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=FILE.parents[3], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stdout and "SimpleITK" not in done.stdout
