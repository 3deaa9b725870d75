"""When a quicker backend is tried, when it takes over, and what is remembered; with backends that only pretend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from UNetSegmentLib.inference.backends import trial, verdicts
from UNetSegmentLib.inference.backends.request import BackendRequest
from UNetSegmentLib.inference.backends.trial import TrialBackend
from UNetSegmentLib.inference.backends.verdicts import VerdictBook

TILE = torch.linspace(-1, 1, 512).reshape(1, 1, 8, 8, 8)


class Clock:
    """Time that passes only when a backend says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Pretender:
    """Takes ``seconds`` for each batch, and ``setup`` to get ready; gives the tile, scaled."""

    device = torch.device("cpu")
    passes = 1

    def __init__(self, clock: Clock, name: str, seconds: float, setup: float = 1.0, answer: float = 1.0) -> None:
        self.clock, self.name, self.seconds, self.setup, self.answer = clock, name, seconds, setup, answer
        self.tiles = self.compiled = 0
        self.fails: str = ""
        self.is_stored = False

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        self.clock.now += self.seconds
        self.tiles += 1
        if self.fails == "predict":
            raise RuntimeError("it broke")
        return torch.cat([tiles, -tiles], dim=1) * self.answer

    def compile(self, shape: Sequence[int]) -> None:
        self.clock.now += self.setup
        self.compiled += 1
        if self.fails == "compile":
            raise RuntimeError("it cannot")

    def stored(self, shape: Sequence[int]) -> bool:
        return self.is_stored


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(trial, "time", clock)
    return clock


@pytest.fixture
def book(tmp_path: Path) -> VerdictBook:
    return VerdictBook(tmp_path / "verdicts")


def run(
    slow: Pretender, quick: Pretender, book: VerdictBook, tiles: int, known: bool = True, **changes: object
) -> TrialBackend:
    """Runs ``tiles`` tiles and checks that every answer is the right one."""
    request = BackendRequest([nn.Identity()], 3, torch.device("cpu"), cache_key="key", tiles=tiles if known else 0)
    backend = TrialBackend(slow, quick, replace(request, **changes), book)  # type: ignore[arg-type]
    for _ in range(tiles):
        torch.testing.assert_close(backend.predict(TILE), torch.cat([TILE, -TILE], dim=1))
    return backend


def pair(clock: Clock, slow: float = 1.0, quick: float = 0.4, **changes: float) -> tuple[Pretender, Pretender]:
    return Pretender(clock, "torch", slow), Pretender(clock, "openvino", quick, **changes)


def test_many_tiles_are_worth_a_trial_which_is_remembered(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock)
    assert run(slow, quick, book, 20).name == "openvino"
    assert (slow.tiles, quick.compiled, quick.tiles) == (2, 1, 19)
    # The next run starts with it, and torch is not asked at all.
    slow, quick = pair(clock)
    quick.is_stored = True
    run(slow, quick, book, 3)
    assert (slow.tiles, quick.tiles) == (0, 3)


def test_a_single_tile_is_never_tried_nor_are_quick_ones(clock: Clock, book: VerdictBook) -> None:
    for seconds, tiles in ((5.0, 1), (0.01, 50)):
        slow, quick = pair(clock, seconds, seconds / 2)
        assert run(slow, quick, book, tiles, cache_key=f"{seconds}").name == "torch"
        assert quick.compiled == 0


def test_a_few_slow_tiles_are_tried_at_the_first(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock, 10.0, 4.0)
    run(slow, quick, book, 4)
    assert (slow.tiles, quick.tiles) == (1, 4)
    assert clock.now < 40


def test_an_unknown_number_of_tiles_is_tried_after_a_while(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock, 1.0, 0.4)
    assert run(slow, quick, book, 3, known=False).name == "torch"
    slow, quick = pair(clock, 1.0, 0.4)
    assert run(slow, quick, book, 12, known=False, cache_key="other").name == "openvino"


def test_single_tiles_add_up_over_runs(clock: Clock, book: VerdictBook) -> None:
    tried = []
    for _ in range(6):
        slow, quick = pair(clock, 6.0, 2.0)
        run(slow, quick, book, 1)
        tried.append(quick.compiled)
    # At first torch alone; then one run bears the trial; from then on OpenVINO, for which nothing is proved again.
    first = tried.index(1)
    assert 1 <= first <= 4
    assert (slow.tiles, quick.tiles) == (0, 1)


def test_another_answer_is_refused_and_remembered(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock, answer=1.01)
    assert run(slow, quick, book, 20).name == "torch"
    assert quick.tiles == 1
    slow, quick = pair(clock)
    run(slow, quick, book, 20)
    assert quick.compiled == 0


def test_other_labels_are_refused_even_where_the_numbers_are_close(clock: Clock, book: VerdictBook) -> None:
    class Close(Pretender):
        def predict(self, tiles: torch.Tensor) -> torch.Tensor:
            logits = super().predict(tiles)
            logits[:, :, 4, 0, :2] = logits[:, :, 4, 0, :2].flip(1)  # two voxels next to zero change sides
            return logits

    slow = Pretender(clock, "torch", 1.0)
    assert run(slow, Close(clock, "openvino", 0.4), book, 20, activation="softmax").name == "torch"


def test_a_slower_one_is_judged_by_its_second_run(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock, 1.0, 0.95)
    assert run(slow, quick, book, 20).name == "torch"
    assert quick.tiles == 2


@pytest.mark.parametrize("fails", ["compile", "predict"])
def test_one_that_fails_is_left_behind(clock: Clock, book: VerdictBook, fails: str) -> None:
    slow, quick = pair(clock)
    quick.fails = fails
    assert run(slow, quick, book, 20).name == "torch"
    assert slow.tiles == 20
    slow, quick = pair(clock)
    run(slow, quick, book, 20)
    assert quick.compiled == 0


def test_one_that_fails_later_costs_no_tile(clock: Clock, book: VerdictBook, caplog: pytest.LogCaptureFixture) -> None:
    slow, quick = pair(clock)
    run(slow, quick, book, 20)
    slow, quick = pair(clock)
    quick.is_stored, quick.fails = True, "predict"
    assert run(slow, quick, book, 5).name == "torch"
    assert (slow.tiles, quick.tiles) == (5, 1)
    assert "torch goes on" in caplog.text


def test_a_known_gain_too_small_for_loading_is_left(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock, 0.5, 0.2, setup=5.0)
    run(slow, quick, book, 60)
    slow, quick = pair(clock, 0.5, 0.2)
    run(slow, quick, book, 1)
    assert (slow.tiles, quick.tiles) == (1, 0)


def test_models_without_a_key_leave_nothing_behind(clock: Clock, book: VerdictBook, tmp_path: Path) -> None:
    slow, quick = pair(clock)
    assert run(slow, quick, book, 20, cache_key="").name == "openvino"
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 3}', "null"])
def test_a_damaged_book_is_empty(clock: Clock, book: VerdictBook, tmp_path: Path, text: str) -> None:
    (tmp_path / "verdicts").mkdir()
    (tmp_path / "verdicts" / "verdicts.json").write_text(text)
    slow, quick = pair(clock)
    assert run(slow, quick, book, 20).name == "openvino"
    assert VerdictBook(tmp_path / "verdicts").find("other") is None


def test_wrong_types_in_the_book_are_no_verdict(clock: Clock, book: VerdictBook, tmp_path: Path) -> None:
    slow, quick = pair(clock)
    run(slow, quick, book, 20)
    (file,) = (tmp_path / "verdicts").glob("*.json")
    file.write_text(file.read_text().replace('"agrees": true', '"agrees": "yes"'))
    slow, quick = pair(clock)
    run(slow, quick, book, 20)
    assert quick.compiled == 1


def test_what_was_found_is_kept_in_words(clock: Clock, book: VerdictBook, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = pair(clock, 1.0, 0.4)
    run(slow, quick, book, 20, title="levels 1.0")
    slow, quick = pair(clock, 1.0, 0.95)
    run(slow, quick, book, 20, title="others 2.0", cache_key="others")
    found = {verdict.model: verdict for verdict in book.all()}
    assert found["levels 1.0"].is_better and found["levels 1.0"].gain == pytest.approx(2.5)
    assert not found["others 2.0"].is_better and found["others 2.0"].note == "it is not quicker"
    for verdict in found.values():
        assert (verdict.tile, verdict.threads) == ("8 x 8 x 8", torch.get_num_threads())
        assert verdict.is_current and "torch" in verdict.versions and verdict.when > 0
    monkeypatch.setattr(verdicts, "version_of", lambda package: "99")
    assert not any(verdict.is_current for verdict in book.all())
    # And so the trial is made again.
    slow, quick = pair(clock, 1.0, 0.4)
    run(slow, quick, book, 20)
    assert quick.compiled == 1


def test_cases_of_other_sizes_share_a_verdict(clock: Clock, book: VerdictBook) -> None:
    """Three tiles at once or four: a trial is made for several, and one for single tiles."""
    slow, quick = pair(clock)
    run(slow, quick, book, 20, batch=4)
    for batch, tried in ((3, 0), (2, 0), (1, 1)):
        slow, quick = pair(clock)
        run(slow, quick, book, 20, batch=batch)
        assert quick.compiled == tried


def test_a_further_run_of_the_same_backend_knows_what_the_first_one_found(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock)
    backend = run(slow, quick, book, 4)
    assert quick.compiled == 0
    backend.expect(20)
    for _ in range(20):
        backend.predict(TILE)
    assert (backend.name, quick.compiled) == ("openvino", 1)
    backend.expect(2)
    for _ in range(2):
        backend.predict(TILE)
    assert quick.compiled == 1


def test_a_backend_that_fails_later_leaves_a_note(clock: Clock, book: VerdictBook) -> None:
    slow, quick = pair(clock)
    backend = run(slow, quick, book, 20)
    assert backend.note == ""
    quick.fails = "predict"
    backend.predict(TILE)
    assert backend.name == "torch" and "openvino failed" in backend.note


def test_the_reason_for_a_backend_is_told(clock: Clock, book: VerdictBook) -> None:
    assert run(*pair(clock), book, 1).reason == ""
    tried = run(*pair(clock), book, 20)
    # 1 s against 0.4 s for each tile.
    assert (tried.name, tried.reason) == ("openvino", "2.5 times as fast as torch here, same labels")
    assert run(*pair(clock), book, 20).reason == tried.reason
    other = run(*pair(clock, quick=2.0), book, 20, cache_key="other")
    assert (other.name, other.reason) == ("torch", "openvino was tried: it is not quicker")
    slow, quick = pair(clock)
    backend = run(slow, quick, book, 20)
    quick.fails = "predict"
    backend.predict(TILE)
    assert backend.name == "torch" and backend.reason.startswith("openvino failed")
