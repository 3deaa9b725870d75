"""What views tell the effects of the Segment Editor: pointer, keys, slices."""

from __future__ import annotations

import pytest
import qt
import slicer
from editor_desk import events, red, yellow

pytestmark = pytest.mark.usefixtures("clean_scene")


def test_pointer_comes_as_two_moves_after_an_enter(desk, heard, pointer):
    heard.clear()
    pointer.move(10, 20, red())
    assert events(heard) == ["EnterEvent", "MouseMoveEvent", "MouseMoveEvent"]
    assert {entry[3:] for entry in heard if entry[1] == "event"} == {((10, 20), red())}
    heard.clear()
    pointer.move(30, 20, yellow())
    assert [(e[2], e[4]) for e in heard] == [
        ("LeaveEvent", red()),
        ("EnterEvent", yellow()),
        ("MouseMoveEvent", yellow()),
        ("MouseMoveEvent", yellow()),
    ]


def test_drag_stays_with_the_view_where_it_began(desk, heard, pointer):
    pointer.move(10, 20, red())
    heard.clear()
    pointer.press()
    pointer.move(-5, 900, yellow())
    pointer.release()
    assert events(heard) == [
        *("LeftButtonPressEvent", "MouseMoveEvent", "MouseMoveEvent", "LeftButtonReleaseEvent", "LeaveEvent")
    ]
    assert all(entry[4] is red() for entry in heard) and heard[2][3] == (-5, 900)


def test_double_click_has_no_second_press(desk, heard, pointer):
    pointer.move(10, 20, red())
    heard.clear()
    pointer.double_click(10, 20)
    clicks = [name for name in events(heard) if name != "MouseMoveEvent"]
    assert clicks == [
        *("LeftButtonPressEvent", "LeftButtonReleaseEvent", "LeftButtonDoubleClickEvent", "LeftButtonReleaseEvent")
    ]
    heard.clear()
    pointer.double_click(10, 20, slicer.app.layoutManager().threeDWidget(0))
    assert "LeftButtonDoubleClickEvent" not in events(heard)


def test_what_the_effect_consumes_does_not_reach_slicer(desk, heard, pointer):
    screen = red().sliceView()._screen
    for consumes, left in ((True, []), (False, ["EnterEvent", "MouseMoveEvent", "MouseMoveEvent"])):
        desk.effect.self().consumes = consumes
        pointer.move(1, 1, yellow())
        screen.left_to_slicer.clear()
        pointer.move(10, 20, red())
        assert screen.left_to_slicer == left


def test_answer_that_is_no_boolean_counts_as_no(desk, pointer, caplog):
    desk.effect.self().answer = 1
    screen = red().sliceView()._screen
    screen.left_to_slicer.clear()
    pointer.move(10, 20, red())
    assert "MouseMoveEvent" in screen.left_to_slicer and "expected to return a boolean" in caplog.text


def test_own_observer_without_priority_hears_clicks_but_no_moves(pointer):
    seen = []
    interactor = red().sliceView().interactorStyle().GetInteractor()
    tags = [interactor.AddObserver(n, lambda _c, e: seen.append(e)) for n in ("MouseMoveEvent", "LeftButtonPressEvent")]
    tags.append(interactor.AddObserver("MouseMoveEvent", lambda _c, e: seen.append("early"), 0.5))
    pointer.click(10, 20, red())
    assert seen == ["early", "early", "LeftButtonPressEvent"]
    for tag in tags:
        interactor.RemoveObserver(tag)


def test_hidden_editor_still_gets_events_until_its_views_are_taken_away(desk, heard, pointer):
    assert not desk.editor.isVisible()
    pointer.move(10, 20, red())
    assert events(heard)
    desk.editor.removeViewObservations()
    heard.clear()
    pointer.move(11, 20)
    assert not events(heard)


def test_modifiers_are_asked_of_the_interactor(desk, heard, pointer):
    seen = []
    desk.effect.self().told = lambda *_: seen.append(
        (red().sliceView().interactor().GetShiftKey(), red().sliceView().interactor().GetControlKey())
    )
    pointer.shift = True
    pointer.move(10, 20, red())
    pointer.shift, pointer.control = False, True
    pointer.move(11, 20)
    assert seen[-3:] == [(1, 0), (0, 1), (0, 1)]


def test_keys_arrive_in_the_view_that_was_clicked_and_shortcuts_swallow_the_press(desk, heard, pointer):
    pointer.click(10, 20, red())
    heard.clear()
    pointer.key("N")
    assert events(heard) == ["KeyPressEvent", "KeyReleaseEvent"] and heard[0][4] is red()
    shortcut = qt.QShortcut(qt.QKeySequence("N"), slicer.app.layoutManager().viewport())
    used = []
    shortcut.connect("activated()", lambda: used.append(True))
    heard.clear()
    pointer.key("N")
    assert used == [True] and events(heard) == ["KeyReleaseEvent"]
    shortcut.delete()


def test_change_of_a_slice_is_told(desk, heard):
    heard.clear()
    red().mrmlSliceNode().SetSliceOffset(2.5)
    assert ("view node", 33, red()) in [entry[1:] for entry in heard]
