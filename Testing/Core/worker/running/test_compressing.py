"""Quick versions through the worker: made in hiding, installed whole, told; what fails or is stopped leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from level_model import save_level_model
from worker_helpers import ENVIRONMENT, FAKE, until

from UNetSegmentLib.compression.measuring import Measured
from UNetSegmentLib.compression.result import Compressed as Made
from UNetSegmentLib.errors import Cancelled, InputError, OutputError
from UNetSegmentLib.io import write_volume
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
from UNetSegmentLib.progress import CancelToken, ProgressCallback, ProgressEvent, Stage
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.session import WorkerSession
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


# -- through a worker --------------------------------------------------------------------------------------------------

ORDER = CompressionOrder("/models/m", "/cases", "m-quick", "M, quick")


@pytest.fixture
def session() -> Iterator[WorkerSession]:
    with WorkerSession(command=FAKE, environment=ENVIRONMENT) as worker:
        yield worker


def test_a_request_tells_its_progress_and_what_came_of_it(session: WorkerSession) -> None:
    events: list[ProgressEvent] = []
    answer = session.compress(ORDER, "/packages", events.append)
    assert (answer.outcome.name, answer.outcome.title, answer.outcome.folder) == ("m-quick", "M, quick", "/packages")
    assert events[-1].stage == "calibrate"


def test_a_request_can_be_stopped_and_the_worker_goes_on(session: WorkerSession) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        session.compress(replace(ORDER, cases="/c.wait"), None, lambda event: cancel.cancel(), cancel)
    assert session.compress(ORDER).outcome.name == "m-quick"


_CLIENT = """
import sys, time
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.protocol.compression import CompressionOrder

folder = ExchangeFolder(sys.argv[1])
(folder.path / "cases").mkdir()
(folder.path / "cases" / "image.nrrd").write_bytes(b"a patient")
order = CompressionOrder("m", "/c.wait", "n", "t", copied=str(folder.path))
with WorkerSession(command=sys.argv[2:]) as worker:
    worker.compress(order, progress=lambda event: print("at work", flush=True))
"""


def test_copied_images_go_with_a_client_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CLIENT, str(tmp_path), *FAKE]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **ENVIRONMENT})
    try:
        assert client.stdout is not None and client.stdout.readline().strip() == b"at work"
        assert list(tmp_path.glob("*/cases/image.nrrd"))
    finally:
        client.kill()
        client.wait()
        if client.stdout is not None:
            client.stdout.close()
    until(lambda: not list(tmp_path.glob("unetsegment-*")), "the copied images to go")


# -- the library's own recipe ------------------------------------------------------------------------------------------


def test_a_real_model_gets_a_real_form(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    pytest.importorskip("openvino")
    _write_cases(tmp_path / "cases", 4)
    levels = save_level_model(tmp_path / "levels")
    order = CompressionOrder(str(levels), str(tmp_path / "cases"), "levels", "Levels", allowed_loss=0.5)
    stages: list[str] = []
    request = Compress(1, order, str(tmp_path / "models"))
    outcome = compressing.compress(request, lambda event: stages.append(event.stage), CancelToken()).outcome
    # The model knows the answer, and 8 bits are enough for a few levels.
    assert outcome.dice_before == 1.0 and outcome.dice_after is not None and outcome.dice_after > 0.9
    assert outcome.cases == 2 and outcome.speed is not None
    model = load_model(tmp_path / "models" / "levels")
    assert all(model.form_files("int8-openvino"))
    assert stages[-1] == "install"


def _write_cases(folder: Path, count: int) -> None:
    """Blocks of levels in noise, and their label maps."""
    for number in range(count):
        levels = np.zeros((20, 18, 22), np.uint8)
        levels[3:15, 4:14, 2 + number : 16] = 1
        levels[6:10, 6:11, 6:12] = 2
        image = (levels + np.random.default_rng(number).uniform(-0.2, 0.2, levels.shape)).astype(np.float32)
        for sub, voxels in (("images", image), ("labels", levels)):
            (folder / sub).mkdir(parents=True, exist_ok=True)
            write_volume(Volume.from_array(voxels), folder / sub / f"case{number}.nii.gz")
