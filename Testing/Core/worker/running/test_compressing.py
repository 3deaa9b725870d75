"""Quick versions through the worker: made in hiding, installed whole, told; what fails or is stopped leaves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from UNetSegmentLib.compression.measuring import Measured
from UNetSegmentLib.compression.result import Compressed as Made
from UNetSegmentLib.errors import Cancelled, InputError, OutputError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import load_model, read_card, save_model
from UNetSegmentLib.models.card import (
    CompressedForm,
    FormAccuracy,
    InferenceContract,
    InputChannel,
    ModelCard,
    Preparation,
)
from UNetSegmentLib.networks.config import NetworkConfig
from UNetSegmentLib.networks.unet import build_network
from UNetSegmentLib.progress import CancelToken, ProgressCallback, Stage
from UNetSegmentLib.worker.protocol.compression import Compress, Compressed, CompressionOrder
from UNetSegmentLib.worker.running import compressing

NETWORK = NetworkConfig(3, 1, 2, (2, 3), ((3, 3, 3),) * 2, ((1, 1, 1), (2, 2, 2)), (1, 1), (1,))
CARD = ModelCard(
    "balls", "1.0", "Balls", "d", "a", "MR", (InputChannel("T1", "MR"),), (Label(1, "ball"),), NETWORK, Preparation(),
    InferenceContract((8, 8, 8)), licence="CC-BY-4.0",
)  # fmt: skip
FORM = CompressedForm(
    "int8-openvino", (("int8-fold0.xml", "int8-fold0.bin"),), "nncf, openvino", "2 tiles",
    accuracy=FormAccuracy("2 cases", 2, 0.88, 0.885, 0.99, 0.01),
)  # fmt: skip
BEFORE = Measured(("a", "b"), ("ball",), ((0.9,), (0.87,)))
AFTER = Measured(("a", "b"), ("ball",), ((0.89,), (0.87,)))


@pytest.fixture(autouse=True)
def as_nice_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressing, "step_back", lambda: None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return save_model(CARD, [build_network(NETWORK).state_dict()], tmp_path / "balls")


def recipe(order: CompressionOrder, output: Path, progress: ProgressCallback, cancel: CancelToken) -> Made:
    """A quick version without the work."""
    model = load_model(order.model)
    stage = Stage("calibrate", 2, progress, cancel)
    stage.step()
    stage.step()
    files = {"int8-fold0.xml": b"<net/>", "int8-fold0.bin": b"1234"}
    weights = [model.network(0).state_dict()]
    save_model(replace(model.card, forms=(FORM,)), weights, output, extra=files)
    return Made(output, "int8", BEFORE, AFTER, 400, 100, ("One layer stayed in float.",), 0.3, 0.1)


@dataclass
class Bench:
    """Runs requests on the source, into a folder of models."""

    source: Path
    models: Path
    stages: list[str] = field(default_factory=list)

    def run(
        self, name: str = "balls-quick", make: Callable[..., Made] = recipe, cancel: CancelToken | None = None
    ) -> Compressed:
        title = "Balls" if name == "balls" else "Balls, quick"
        order = CompressionOrder(str(self.source), str(self.source.parent), name, title)
        request = Compress(7, order, str(self.models))
        self.stages.clear()
        return compressing.compress(
            request, lambda event: self.stages.append(event.stage), cancel or CancelToken(), {"int8": make}
        )

    def save(self, card: ModelCard) -> Path:
        """A model among the user's own."""
        self.models.mkdir()
        return save_model(card, [load_model(self.source).network(0).state_dict()], self.models / card.name)


@pytest.fixture
def bench(source: Path, tmp_path: Path) -> Bench:
    return Bench(source, tmp_path / "models")


def test_a_copy_under_its_own_name_holds_the_form_and_the_same_weights(bench: Bench) -> None:
    answer = bench.run()
    outcome = answer.outcome
    package = bench.models / "balls-quick"
    assert answer.id == 7 and outcome.folder == str(package)
    card = read_card(package)
    assert (card.name, card.title, card.licence) == ("balls-quick", "Balls, quick", CARD.licence)
    assert card.forms == (FORM,)
    made, before = load_model(package), load_model(bench.source)
    assert made.form_files("int8-openvino") == (b"<net/>", b"1234")
    for name, tensor in before.network(0).state_dict().items():
        assert torch.equal(tensor, made.network(0).state_dict()[name])
    assert bench.stages[0] == "calibrate" and bench.stages[-1] == "install"


def test_the_outcome_tells_what_was_measured(bench: Bench) -> None:
    outcome = bench.run().outcome
    assert (outcome.bytes_before, outcome.bytes_after, outcome.cases) == (400, 100, 2)
    assert outcome.dice_before == pytest.approx(0.885) and outcome.dice_after == pytest.approx(0.88)
    assert outcome.worst_loss == pytest.approx(0.01) and outcome.agreement == 0.99
    assert outcome.speed == pytest.approx(3.0)
    assert outcome.notes == ("One layer stayed in float.",)


def test_without_label_maps_nothing_is_said_of_dice(bench: Bench) -> None:
    def unlabelled(*arguments: object) -> Made:
        return replace(recipe(*arguments), before=None, after=None, seconds_after=0.0)  # type: ignore[arg-type]

    outcome = bench.run(make=unlabelled).outcome
    assert outcome.dice_before is outcome.dice_after is outcome.worst_loss is outcome.speed is None
    assert outcome.agreement == 0.99 and outcome.cases == 2


def test_the_users_own_model_gets_it_in_its_place_and_what_lies_beside_stays(bench: Bench) -> None:
    own = bench.save(CARD)
    (own / "notes.txt").write_text("mine", encoding="utf-8")
    bench.source = own
    bench.run("balls")
    assert read_card(own).forms == (FORM,)
    assert (own / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert sorted(item.name for item in own.parent.iterdir()) == ["balls"]


@pytest.mark.parametrize("failure", [InputError("too much is lost"), OSError(28, "No space left on device"), None])
def test_what_fails_or_is_stopped_leaves_the_model_as_it_was(failure: Exception | None, bench: Bench) -> None:
    bench.run(name="balls")
    package = bench.models / "balls"
    before = {item.name: item.read_bytes() for item in package.iterdir()}
    cancel = CancelToken()

    def failing(order: CompressionOrder, output: Path, progress: ProgressCallback, token: CancelToken) -> Made:
        made = recipe(order, output, progress, token)
        if failure is not None:
            raise failure
        token.cancel()
        return made

    expected = {InputError: InputError, OSError: OutputError}.get(type(failure), Cancelled)
    with pytest.raises(expected):
        bench.run(name="balls", make=failing, cancel=cancel)
    assert {item.name: item.read_bytes() for item in package.iterdir()} == before
    assert sorted(item.name for item in package.parent.iterdir()) == ["balls"]


def test_another_model_of_that_name_is_not_replaced(bench: Bench) -> None:
    folder = bench.save(replace(CARD, name="balls-quick", title="Something else"))
    with pytest.raises(OutputError, match="another model called 'balls-quick'"):
        bench.run()
    assert read_card(folder).title == "Something else"


def test_an_unknown_recipe_is_refused(source: Path, tmp_path: Path) -> None:
    order = CompressionOrder(str(source), str(tmp_path), "b", "B", "int2")
    with pytest.raises(InputError, match="int2"):
        compressing.compress(Compress(1, order, str(tmp_path / "models")), lambda event: None, CancelToken())
