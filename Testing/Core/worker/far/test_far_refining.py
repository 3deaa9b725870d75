"""Corrections through a worker behind ssh, whose connection is killed: the labels are those of a session here."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
from loopback_sshd import LoopbackHost
from refining_helpers import Undisturbed, case, random_calls
from worker_helpers import ENVIRONMENT, children

from UNetSegmentLib.errors import InputError, UNetSegmentError
from UNetSegmentLib.refinement import Point
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.far.launch import far_command
from UNetSegmentLib.worker.refining import RefineSession


def ssh_of(session: RefineSession) -> int:
    """The ssh process behind a session's relay."""
    hello = session.client.hello
    assert hello is not None
    return children(hello.pid)[0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found through /proc")
def test_a_connection_that_breaks_costs_no_stroke(loopback: LoopbackHost) -> None:
    seed = 1
    rng = np.random.default_rng(seed)
    volume, segmentation = case(seed)
    undisturbed = Undisturbed(volume, segmentation)
    calls = [call for call in random_calls(seed, 14) if call.step != "remove"]
    kills = set(rng.choice(len(calls), 2, replace=False).tolist())
    command = far_command(loopback.host(), refine=True, ssh=loopback.ssh)
    with RefineSession(volume, segmentation, command=command, environment=ENVIRONMENT) as session:
        for number, call in enumerate(calls):
            if number in kills and session.client.hello is not None:
                os.kill(ssh_of(session), signal.SIGKILL)
            follows = undisturbed.call(call)
            try:
                if call.edit is not None:
                    session.add(call.edit)
                else:
                    getattr(session, call.step)()
            except InputError:
                assert not follows
            assert np.array_equal(session.segmentation.voxels, undisturbed.labels)
        assert len(session.history) == len(undisturbed.session.history)


def test_a_host_that_is_gone_costs_no_stroke_either(loopback: LoopbackHost) -> None:
    """The host cannot be reached for a while: the stroke is refused, what was done stays, and goes on later."""
    volume, segmentation = case(5)
    place = tuple(volume.geometry.to_physical(np.array([[8.0, 7.0, 3.0]]))[0])
    command = far_command(loopback.host(), refine=True, ssh=loopback.ssh)
    undisturbed = Undisturbed(volume, segmentation)
    with RefineSession(volume, segmentation, command=command, environment=ENVIRONMENT) as session:
        first, second = Point(place, False), Point(place, True)
        session.add(first)
        config = loopback.config.read_text()
        try:
            loopback.config.write_text("Host loopback\n  HostName 127.0.0.1\n  Port 1\n")
            assert session.client.hello is not None
            processes.kill(session.client.hello.pid)
            with pytest.raises(UNetSegmentError) as caught:
                session.add(second)
            assert caught.value.code == "far-unreachable"
        finally:
            loopback.config.write_text(config)
        session.add(second)
        undisturbed.session.add(first)
        undisturbed.session.add(second)
        assert np.array_equal(session.segmentation.voxels, undisturbed.labels)
        assert session.history == (first, second)
