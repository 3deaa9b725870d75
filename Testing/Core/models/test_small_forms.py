"""Smaller forms, the training fingerprint and the derivation on cards, and their files in packages."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import (
    ChannelIntensities,
    CompressedForm,
    Derivation,
    FormAccuracy,
    Model,
    ModelCard,
    StructureSize,
    TrainingFingerprint,
    card_from_json,
    card_to_json,
    load_model,
    read_card,
    remove_model,
    save_model,
    zip_model,
)
from UNetSegmentLib.models.importing.composite import About, combine
from UNetSegmentLib.models.importing.conversion import import_model
from UNetSegmentLib.models.serialization import card_from_text, card_to_text
from UNetSegmentLib.networks import build

FILES = {"int8-fold0.xml": b"<net/>", "int8-fold0.bin": bytes(range(256))}
FORM = CompressedForm(
    "int8-openvino",
    (("int8-fold0.xml", "int8-fold0.bin"),),
    "nncf 3.4.0, openvino 2026.4.1",
    "300 tiles of 20 cases",
    ("head",),
    FormAccuracy("fold 0", 44, 0.883, 0.885, 0.998, 0.012),
)
FINGERPRINT = TrainingFingerprint(
    20, (ChannelIntensities(-10.0, 40.5, 90.0, 1.0, 3.5),), (StructureSize(1, 3.25, 9.0), StructureSize(4, 1.5, 6.0))
)
DERIVED = (Derivation("pruned", "toy", "1.0", ("ab" * 32,), {"flops": 0.5}),)
DIGESTS = dict.fromkeys(("weights.safetensors", *FILES), "ab" * 32)

WRONG = [
    (("forms", 0, "kind"), "INT8 !", "forms[0].kind"),
    (("forms", 0, "made_with"), " ", "forms[0].made_with"),
    (("forms", 0, "files"), [], "forms[0].files"),
    (("forms", 0, "files", 0), [], "forms[0].files[0]"),
    (("forms", 0, "files", 0, 0), "../evil.xml", "forms[0].files[0]"),
    (("forms", 0, "files", 0, 0), "model.json", "forms[0].files[0]"),
    (("forms", 0, "files", 0, 0), "Weights.safetensors", "forms[0].files[0]"),
    (("forms", 0, "files", 0, 0), "int8-fold0.bin", "forms[0].files[0]"),
    (("forms", 0, "files", 0, 0), "other.xml", "digests"),
    (("forms", 0, "accuracy", "dice"), 88.3, "forms[0].accuracy.dice"),
    (("forms", 0, "accuracy", "cases"), 0, "forms[0].accuracy.cases"),
    (("forms", 0, "accuracy", "worst_loss"), 2.0, "forms[0].accuracy.worst_loss"),
    (("forms", 0, "size"), 1, "forms[0].size"),
    (("fingerprint", "cases"), 0, "fingerprint.cases"),
    (("fingerprint", "channels", 0, "median"), 100.0, "fingerprint.channels[0]"),
    (("fingerprint", "channels", 0, "highest_median"), 0.0, "fingerprint.channels[0].highest_median"),
    (("fingerprint", "structures", 0, "value"), 2, "fingerprint.structures[0].value"),
    (("fingerprint", "structures", 1, "value"), 1, "fingerprint.structures[0].value"),
    (("fingerprint", "structures", 0, "width_mm"), 0.0, "fingerprint.structures[0].width_mm"),
    (("fingerprint", "structures", 0, "volume_ml"), 1e9, "fingerprint.structures[0].volume_ml"),
    (("derived", 0, "kind"), "", "derived[0].kind"),
    (("derived", 0, "source"), "", "derived[0].source"),
    (("derived", 0, "digests", 0), "ab", "derived[0].digests"),
    (("derived", 0, "numbers"), {"flops": "half"}, "derived[0].numbers.flops"),
]


def whole(card: ModelCard) -> ModelCard:
    """The card with every new field in use."""
    return replace(card, forms=(FORM,), fingerprint=FINGERPRINT, derived=DERIVED)


@pytest.fixture
def state(card: ModelCard) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build(card.network).state_dict()


@pytest.fixture
def folder(card: ModelCard, state: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    source = tmp_path / "made.bin"
    source.write_bytes(FILES["int8-fold0.bin"])
    extra = {"int8-fold0.xml": FILES["int8-fold0.xml"], "int8-fold0.bin": source}
    return save_model(whole(card), [state], tmp_path / "toy", extra=extra)


def test_a_card_with_the_new_fields_reads_back_equal(card: ModelCard) -> None:
    filled = replace(whole(card), digests=DIGESTS)
    assert card_from_text(card_to_text(filled)) == filled


def test_a_card_without_them_does_not_mention_them(card: ModelCard) -> None:
    """Programs from before these fields refuse a card that has them, and must go on to read those that need none."""
    written = card_to_json(replace(card, digests={"weights.safetensors": "ab" * 32}))
    assert not {"forms", "fingerprint", "derived"} & set(written)
    assert "companions" in written  # other empty fields are written as they always were


@pytest.mark.parametrize(("path", "value", "named"), WRONG, ids=lambda v: str(v) if isinstance(v, tuple) else None)
def test_a_wrong_field_is_named(card: ModelCard, path: tuple, value: object, named: str) -> None:
    data = card_to_json(replace(whole(card), digests=DIGESTS))
    card_from_json(copy.deepcopy(data))
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ModelError) as caught:
        card_from_json(data)
    assert named in caught.value.cause
    assert caught.value.cure


def test_a_package_keeps_the_files_of_its_form(folder: Path, card: ModelCard) -> None:
    model = load_model(folder)
    assert replace(model.card, digests={}) == whole(card)
    assert set(model.card.digests) == {"weights.safetensors", *FILES}
    assert model.form("int8-openvino") == FORM
    assert model.form("int8-onnx") is None
    assert model.form_files("int8-openvino") == tuple(FILES.values())
    with pytest.raises(ModelError, match="no smaller form 'int8-onnx'"):
        model.form_files("int8-onnx")
    with pytest.raises(ModelError, match="no fold 1"):
        model.form_files("int8-openvino", 1)


def test_zip_and_import_take_the_files_along(folder: Path, tmp_path: Path) -> None:
    packed = zip_model(folder, tmp_path / "toy.zip")
    assert load_model(packed).form_files("int8-openvino") == tuple(FILES.values())
    for number, source in enumerate((folder, packed)):
        (imported,) = import_model(source, tmp_path / f"imported-{number}")
        assert load_model(imported).form_files("int8-openvino") == tuple(FILES.values())


def test_saving_over_and_removing_leave_no_file_behind(
    folder: Path, card: ModelCard, state: dict, tmp_path: Path
) -> None:
    save_model(card, [state], folder)
    assert sorted(item.name for item in folder.iterdir()) == ["model.json", "weights.safetensors"]
    save_model(whole(card), [state], folder, extra=FILES)
    remove_model(card.name, tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({}, "int8-fold0.bin.*is missing"),
        ({"int8-fold0.xml": b""}, "int8-fold0.bin.*is missing"),
        ({**FILES, "notes.txt": b""}, "notes.txt belongs to no form"),
    ],
)
def test_the_files_must_be_those_that_the_card_names(
    card: ModelCard, state: dict, tmp_path: Path, extra: dict, named: str
) -> None:
    with pytest.raises(ModelError, match=named):
        save_model(whole(card), [state], tmp_path / "toy", extra=extra)
    assert not (tmp_path / "toy").exists()


def alter(folder: Path) -> None:
    path = folder / "int8-fold0.bin"
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (alter, "int8-fold0.bin.*altered"),
        (lambda folder: (folder / "int8-fold0.bin").unlink(), "int8-fold0.bin"),
    ],
)
def test_an_altered_file_is_refused(folder: Path, change: Callable[[Path], None], named: str) -> None:
    model = load_model(folder)
    change(folder)
    with pytest.raises(ModelError, match=named):
        load_model(folder)
    # Neither is one that changed after the package was opened.
    with pytest.raises(ModelError, match=named):
        model.form_files("int8-openvino")


def test_one_fold_of_an_ensemble_has_its_own_files(card: ModelCard, state: dict, tmp_path: Path) -> None:
    form = replace(FORM, files=(("a.xml",), ("b.xml",)))
    ensemble = replace(card, forms=(form,))
    package = save_model(ensemble, [state, state], tmp_path / "two", extra={"a.xml": b"first", "b.xml": b"second"})
    second = load_model(package).one_fold(1)
    assert second.form_files("int8-openvino") == (b"second",)
    found = second.form("int8-openvino")
    assert found is not None and found.accuracy is None  # that was measured with both


def test_parts_of_a_combined_model_keep_their_forms(folder: Path, card: ModelCard, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    labels = tuple(replace(card.labels[n % 2], value=n + 10, name=f"part {n}") for n in range(4))
    values = [{1: 10, 4: 11}, {1: 12, 4: 13}]
    model = load_model(combine(About("both"), [folder, other], labels, tmp_path / "both", values))
    for part, own in ((model, (10, 11)), (model.parts[0], (12, 13))):
        assert part.form_files("int8-openvino") == tuple(FILES.values())
        assert part.card.fingerprint is not None
        assert tuple(s.value for s in part.card.fingerprint.structures) == own
        assert [s.width_mm for s in part.card.fingerprint.structures] == [9.0, 6.0]


def test_a_model_in_memory_has_no_forms(card: ModelCard) -> None:
    assert Model.in_memory(whole(card), [build(card.network)]).form("int8-openvino") is None


def test_bundled_cards_are_written_as_before() -> None:
    """Reading and writing a card of an earlier version adds none of the new fields."""
    for path in (Path(__file__).parents[3] / "Resources" / "Models").glob("*/*/model.json"):
        known = set(json.loads(path.read_text(encoding="utf-8")))
        written = set(card_to_json(read_card(path.parent)))
        assert {"forms", "derived", "fingerprint"} & written == {"forms", "derived", "fingerprint"} & known
