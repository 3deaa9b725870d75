"""Boots the harness for its own tests and loads the sample module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(p) for p in (TESTING, TESTING / "Slicer") if str(p) not in sys.path]

import SlicerHarness  # noqa: E402
from SlicerHarness.application import slicersource  # noqa: E402
from SlicerHarness.ending import pytest_sessionfinish, pytest_unconfigure  # noqa: E402, F401

SAMPLE = Path(__file__).parent / "sample" / "HarnessSample.py"


class _Skipped(pytest.Module):
    def collect(self):
        pytest.skip(SlicerHarness.why_unavailable(), allow_module_level=True)


def pytest_addoption(parser):
    slicersource.add_option(parser)


def pytest_pycollect_makemodule(module_path, parent):
    if SlicerHarness.why_unavailable() is not None:
        return _Skipped.from_parent(parent, path=module_path)
    SlicerHarness.boot(parent.config.getoption(slicersource.OPTION))
    return None


@pytest.fixture(autouse=True)
def no_dialogs_of_other_tests():
    """Dialogs are kept per process, and the module's own tests may have run in it before."""
    if SlicerHarness.why_unavailable() is None:
        from SlicerHarness.toolkit import dialogs

        dialogs.reset()


@pytest.fixture
def sample():
    """The sample module's panel, loaded for one test."""
    import slicer

    from SlicerHarness.application import factory

    slicer.mrmlScene.Clear(0)
    module = factory.load(SAMPLE)
    yield module.widgetRepresentation().self()
    factory.unload(module)
    del sys.modules["HarnessSample"]


@pytest.fixture
def clean_scene():
    import slicer

    slicer.mrmlScene.Clear(0)


@pytest.fixture
def heard():
    """What effects of the class were told, with the class registered for one test."""
    import qSlicerSegmentationsEditorEffectsPythonQt as effects
    import slicer
    from editor_desk import SOURCE

    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    assert effect.setPythonSource(str(SOURCE))
    effect.self().register()
    module = sys.modules["effects"]
    module.HEARD.clear()
    yield module.HEARD
    slicer.qSlicerSegmentEditorEffectFactory.instance()._forget("Harness")
    del sys.modules["effects"]


@pytest.fixture
def desk(heard):
    from editor_desk import Desk

    made = Desk()
    yield made
    made.editor.setActiveEffect(None)
    made.editor.removeViewObservations()


@pytest.fixture
def pointer():
    from SlicerHarness.effects.pointer import Pointer

    return Pointer()
