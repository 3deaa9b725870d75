"""Addresses of hosts, the ssh command, and what its failures are told as."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.version import __version__
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.far.address import FarHost
from UNetSegmentLib.worker.far.failures import opening_error
from UNetSegmentLib.worker.far.launch import far_command
from UNetSegmentLib.worker.far.options import FarOptions, far_options
from UNetSegmentLib.worker.far.ssh import far_end_command, ssh_command

NAMES = st.text("abcXYZ019_.-", min_size=1, max_size=12).filter(lambda name: not name.startswith("-"))
PYTHONS = st.sampled_from(["python3", "python3.12", "/usr/bin/python3", "~/a b/bin/python", "/a/it's/python%20"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(host=NAMES, user=NAMES | st.just(""), port=st.none() | st.integers(1, 65535), python=PYTHONS)
def test_an_address_comes_back_from_its_text(host: str, user: str, port: int | None, python: str) -> None:
    address = FarHost(host, user, port, python)
    assert FarHost.parse(address.url) == address


def test_the_usual_forms() -> None:
    assert FarHost.parse("ssh://gpu") == FarHost("gpu")
    assert FarHost.parse(" SSH://Me@Gpu1:2222/usr/bin/python3.12 ") == FarHost(
        "Gpu1", "Me", 2222, "/usr/bin/python3.12"
    )
    assert FarHost.parse("ssh://[fe80::1]:22/~/venv/bin/python") == FarHost("fe80::1", "", 22, "~/venv/bin/python")
    assert FarHost("fe80::1", port=22).url == "ssh://[fe80::1]:22"


@pytest.mark.parametrize(
    "text",
    [
        "", "gpu", "http://gpu", "ssh://", "ssh://-oProxyCommand=x", "ssh://me@-x", "ssh://-me@gpu", "ssh://me:secret@gpu",
        "ssh://gpu:0", "ssh://gpu:99999", "ssh://gpu:x", "ssh://g pu", "ssh://gpu;ls", "ssh://gpu?a=1", "ssh://gpu/-c",
        "ssh://gpu/%0a", "ssh://[::1", "ssh://$(ls)",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        FarHost.parse(text)
    assert caught.value.cure


@pytest.mark.parametrize("text", ["ssh://me:secret@gpu", "ssh://me:secret@gpu:99999", "http://me:secret@gpu"])
def test_a_password_is_never_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        FarHost.parse(text)
    assert "secret" not in str(caught.value) and "password" in caught.value.cause


def test_the_command_line_of_a_relay_says_all_that_it_was_given() -> None:
    host = FarHost("gpu", "me", 22, "/a b/python")
    ssh = ("ssh", "-F", "my config")
    command = far_command(host, refine=True, send_models=True, ssh=ssh, python="py")
    assert command[:4] == ["py", "-m", "UNetSegmentLib.worker", "far"]
    assert far_options(command[4:]) == FarOptions(host, True, True, ssh)
    assert far_options(far_command(FarHost("gpu"))[4:]) == FarOptions(FarHost("gpu"))
    for wrong in ([], ["--what", "ssh://gpu"], ["ssh://gpu", "ssh://gpu2"], ["ssh://gpu", "--ssh", "a 'b"]):
        with pytest.raises(InputError):
            far_options(wrong)


def test_ssh_is_never_asked_to_ask_or_to_trust_whoever_answers() -> None:
    command = ssh_command(FarHost("gpu", "me", 2222), ("ssh", "-F", "config"))
    assert command[:3] == ["ssh", "-F", "config"] and command[-3:-1] == ["--", "gpu"]
    text = " ".join(command)
    for option in (
        "BatchMode=yes",
        "ConnectTimeout=",
        "ServerAliveInterval=",
        "ServerAliveCountMax=",
        "-p 2222",
        "-l me",
    ):
        assert option in text
    assert "StrictHostKeyChecking" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell is needed")
def test_the_remote_command_reaches_a_python_of_any_name(tmp_path) -> None:  # type: ignore[no-untyped-def]
    python = tmp_path / 'it\'s $HOME; `a` "python"'
    python.write_text('#!/bin/sh\nprintf "%s" "$1 $#"\n')
    python.chmod(0o755)
    command = far_end_command(FarHost("gpu", python=str(python)), refine=True)
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout == b"-c 2"
    words = shlex.split(command)
    compile(words[-1], "beginning", "exec")
    assert '["far-end", "refine"]' in words[-1]


@pytest.mark.parametrize(
    ("code", "said", "expected", "words"),
    [
        (255, "ssh: Could not resolve hostname gpu: Name or service not known", "far-unreachable", "no host 'gpu'"),
        (255, "ssh: connect to host gpu port 22: Connection refused", "far-unreachable", "refuses connections"),
        (255, "ssh: connect to host gpu port 22: Connection timed out", "far-unreachable", "does not answer"),
        (255, "ssh: connect to host gpu port 22: No route to host", "far-unreachable", "cannot be reached"),
        (255, "me@gpu: Permission denied (publickey).", "far-unreachable", "ssh-copy-id me@gpu"),
        (255, "Host key verification failed.", "far-unreachable", "ssh -p 2222 me@gpu"),
        (
            255,
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "far-unreachable",
            'ssh-keygen -R "[gpu]:2222"',
        ),
        (255, "kex_exchange_identification: something new", "far-unreachable", "something new"),
        (255, "odd: <x> %s {y} {", "far-unreachable", "odd: <x> %s {y} {"),
        (None, "", "far-unreachable", "not answered in time"),
        (127, "sh: 1: py: not found", "far-no-python", "no Python called 'py'"),
        (1, "UNETSEGMENT-FAR python 3.8", "far-no-python", "Python 3.8; 3.11 or newer"),
        (1, "Welcome!\nUNETSEGMENT-FAR library", "far-no-library", "py -m pip install ./unetsegment-source'"),
        (1, "UNETSEGMENT-FAR old 0.0.1", "far-version", "UNetSegmentLib 0.0.1"),
        (1, "ImportError: numpy is broken", "far-no-library", "numpy is broken"),
    ],
)
def test_every_failure_has_a_cause_and_a_cure(code: int | None, said: str, expected: str, words: str) -> None:
    error = opening_error(FarHost("gpu", "me", 2222, "py"), code, said)
    assert error.code == expected
    assert words in str(error) and error.cure and error.detail == said
    assert "{" not in str(error).replace(words, "")
    assert isinstance(error, WorkerError)


def test_a_host_names_no_file_of_this_computer() -> None:
    """Whoever reads a message passes over keys that he does not know: with one of these it is an array all the same,
    which the client would read, and remove."""
    from UNetSegmentLib.worker.far.references import rename_arrays
    from UNetSegmentLib.worker.protocol.arrays import ArrayFile
    from UNetSegmentLib.worker.protocol.wire import from_json

    told = {"path": "/home/me/thesis.tex", "shape": [9], "dtype": "|u1", "note": 1}
    for body in ({"voxels": told}, {"changes": [{"file": told}]}, {"probabilities": {"array": told}}):
        changed = rename_arrays(body, lambda entry: "held")
        assert "thesis" not in repr(changed) and "held" in repr(changed)
    assert from_json(ArrayFile, rename_arrays(told, lambda entry: "held")) == ArrayFile("held", (9,), "|u1")


def test_what_is_not_installed_can_be_by_what_is_said() -> None:
    """No command of an index that has no such package, and none that a system's own Python refuses."""
    said = "UNETSEGMENT-FAR library"
    cure = opening_error(FarHost("gpu", "me", 2222), 1, said).cure
    copy = "scp -r -P 2222 . me@gpu:unetsegment-source && ssh -p 2222 me@gpu "
    assert f"{copy}'python3 -m venv unetsegment && unetsegment/bin/python -m pip install ./unetsegment-source'" in cure
    assert cure.endswith("ssh://me@gpu:2222/~/unetsegment/bin/python") and __version__ in cure
    # Two shells read it, the one here and the one there.
    for python, there in (("/srv/my env/python", "/srv/my env/python"), ("/a;b/it's $x", "/a;b/it's $x")):
        own = opening_error(FarHost("::1", python=python), 1, said).cure
        copied, _, rest = own.partition(" && ssh ::1 ")
        assert copied.endswith("scp -r . [::1]:unetsegment-source")
        assert shlex.split(shlex.split(rest)[0]) == [there, "-m", "pip", "install", "./unetsegment-source"]
    page = (Path(__file__).parents[4] / "Resources" / "Docs" / "far-worker.md").read_text(encoding="utf-8")
    assert "scp -r . me@gpu:unetsegment-source" in page
    # Who has followed the page to here has UNetSegment in that Python, and in no other.
    assert set(re.findall(r"ssh://me@gpu[^`\"\s]*", page)) == {"ssh://me@gpu/~/unetsegment/bin/python"}


def test_no_name_of_an_image_leaves_this_computer() -> None:
    from UNetSegmentLib.worker.far.references import Names, rename_arrays, result_files, with_results

    array = {"path": "/a/doe.raw", "shape": [1, 2, 3], "dtype": "<f4"}
    body = {
        "type": "segment", "id": 1, "inputs": [{"array": array, "geometry": {}, "name": "Doe^Jane"}], "folder": "/a",
        "image": {"array": array, "geometry": {}, "name": "Doe^Jane"}, "results": {"labels": "/a/doe-1.raw"},
        "result": "/a/doe-2.raw", "painted": {"box": {}, "file": array}, "points": [[1.0, 2.0, 3.0]],
    }  # fmt: skip
    files = result_files(body)
    assert files == {"labels": "/a/doe-1.raw", "result": "/a/doe-2.raw"}
    names = Names()
    sent = with_results(rename_arrays(names.hidden(body), lambda entry: "token"), {name: name for name in files})
    assert "oe" not in repr({**sent, "folder": ""})
    assert sent["painted"]["file"] == {**array, "path": "token"} and sent["points"] == body["points"]
    assert "Doe" in repr(body)
    # What is said of the image there is told of it by its name here.
    line = b'{"cause": "\'%s\' is too small", "other": "far-image-99-"}' % sent["image"]["name"].encode()
    assert json.loads(names.shown(line)) == {"cause": "'Doe^Jane' is too small", "other": "far-image-99-"}
