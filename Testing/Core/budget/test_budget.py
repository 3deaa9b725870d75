"""How much memory there is, and the sentences that come of it."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from UNetSegmentLib import budget
from UNetSegmentLib.budget import available_memory, is_out_of_memory, memory_guard, require_memory, size_words
from UNetSegmentLib.errors import ResourceError

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's limits")


def test_what_is_there_lies_within_the_machine():
    there = available_memory()
    assert (1 << 20) < there < (1 << 45)
    assert available_memory(swap=True) >= there - (1 << 30)  # others take and give meanwhile


def test_more_than_there_is_is_refused_with_what_it_takes_and_what_is_there(monkeypatch):
    monkeypatch.setattr(budget, "available_memory", lambda swap=False: 2_000_000_000)
    require_memory(2_000_000_000, "The image 'a.nii'", "Crop it.")
    with pytest.raises(ResourceError) as caught:
        require_memory(7_900_000_000, "The image 'a.nii'", "Crop it.")
    assert str(caught.value) == "The image 'a.nii' would take 7.9 GB of memory; 2.0 GB are free. Crop it."
    with pytest.raises(ResourceError, match="more than 100,000 TB"):
        require_memory(2**62 * 2**62 * 10**400, "The image 'a.nii'", "Crop it.")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999_600, "1.0 MB"),
        (7.94e9, "7.9 GB"),
        (250e9, "250 GB"),
        (12e15, "12,000 TB"),
    ],
)
def test_sizes_in_words(size, words):
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("name", "used", "limit", "stat", "lines"),
    [
        ("job", "memory.current", "memory.max", "inactive_file 300\n", "0::/job\n"),
        (
            "memory/job",
            "memory.usage_in_bytes",
            "memory.limit_in_bytes",
            "inactive_file 7\ntotal_inactive_file 300\n",
            "5:devices:/\n4:memory:/job\n",
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_the_limit_of_a_group_or_of_one_above_counts(tmp_path, monkeypatch, name, used, limit, stat, lines):
    group = tmp_path / name
    group.mkdir(parents=True)
    (group / limit).write_text("1000\n")
    (group / used).write_text("900\n")
    (group / "memory.stat").write_text(stat)
    (group.parent / limit).write_text("max\n")
    listed = tmp_path / "cgroup"
    listed.write_text(lines)
    real = budget.Path
    monkeypatch.setattr(budget, "_CGROUPS", tmp_path)
    monkeypatch.setattr(budget, "Path", lambda text: listed if text == "/proc/self/cgroup" else real(text))
    assert budget._group_free() == 1000 - 900 + 300
    (group.parent / limit).write_text("950\n")
    (group.parent / used).write_text("940\n")
    assert budget._group_free() == 10


SCRIPT = """
import resource
from UNetSegmentLib.budget import available_memory
before = available_memory()
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, resource.getrlimit(resource.RLIMIT_AS)[1]))
after = available_memory()
assert 0 < after < 1 << 29 <= before, (before, after)
bytearray(after - (1 << 22))
try:
    bytearray(after + (1 << 22))
except MemoryError:
    print("as told")
"""


@linux
def test_what_ulimit_leaves_is_what_can_be_allocated():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, encoding="utf-8", check=False)
    assert run.stdout == "as told\n", run.stderr


def test_every_librarys_own_word_for_it_is_known():
    said = pytest.raises(ResourceError, match=r"Memory ran out while reading 'a' \(.* free\)\. Crop it\.")
    with said, memory_guard("reading 'a'", "Crop it."):
        np.empty(1 << 60, np.uint8)
    with pytest.raises(ResourceError), memory_guard("reading 'a'", "Crop it."):
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(ResourceError), memory_guard("reading 'a'", "Crop it."):
        sitk.Image(1 << 20, 1 << 20, 1 << 19, sitk.sitkUInt8)
    assert not is_out_of_memory(ValueError("out of memory"))
    with pytest.raises(RuntimeError, match="other"), memory_guard("reading 'a'", "Crop it."):
        raise RuntimeError("other")


def test_it_needs_no_torch():
    script = "import sys, UNetSegmentLib.budget as b; b.available_memory(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
