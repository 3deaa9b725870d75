"""The hard rules of correcting a mask, on random sessions with our method and with methods that break what they can."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refinement_rules import play, players
from refinement_scenes import scenes, steps

METHODS = players()


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_sessions_keep_the_hard_rules(name: str, data: st.DataObject) -> None:
    scene = data.draw(scenes())
    play(scene, data.draw(steps(scene.volume.geometry)), METHODS[name]())
