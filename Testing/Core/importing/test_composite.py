"""Several models as one, with one label table."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nnunet_files import Results

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.importing import About, combine, import_model

ABOUT = About("both", title="Both at once", licence="CC0-1.0")


@pytest.fixture
def packages(tmp_path: Path) -> list[Path]:
    """Anterior and posterior in one, spleen in the other."""
    first, second = Results(), Results()
    second.dataset["labels"] = {"background": 0, "spleen": 1}
    second.outputs = 2
    found = []
    for n, results in enumerate((first, second)):
        found += import_model(results.write(tmp_path / f"source{n}"), tmp_path / "parts", name=f"part-{n}")
    return found


def test_values_of_the_common_table(tmp_path: Path, packages: list[Path]) -> None:
    table = [Label(10, "Spleen"), Label(20, "Posterior"), Label(30, "Anterior")]
    model = load_model(combine(ABOUT, packages, table, tmp_path / "both"))
    card = model.card
    assert (card.name, card.title, card.licence, card.version) == ("both", "Both at once", "CC0-1.0", "1")
    assert [label.value for label in card.labels] == [10, 20, 30]
    assert card.inference.output_values == (0, 30, 20)
    (part,) = model.parts
    assert part.card.inference.output_values == (0, 10)
    assert [label.name for label in part.card.labels] == ["Spleen"]
    ours = load_model(packages[1]).network(0).state_dict()["heads.0.bias"]
    assert torch.equal(part.network(0).state_dict()["heads.0.bias"], ours)


def test_values_given_by_number(tmp_path: Path, packages: list[Path]) -> None:
    table = [Label(1, "a"), Label(2, "b"), Label(3, "c")]
    model = load_model(combine(ABOUT, packages, table, tmp_path / "both", [{1: 3, 2: 1}, {1: 2}]))
    assert model.card.inference.output_values == (0, 3, 1)
    assert model.parts[0].card.inference.output_values == (0, 2)


def test_what_does_not_fit(tmp_path: Path, packages: list[Path]) -> None:
    target = tmp_path / "both"
    with pytest.raises(ModelError, match="table has no 'Posterior'"):
        combine(ABOUT, packages, [Label(1, "Anterior"), Label(2, "spleen")], target)
    with pytest.raises(ModelError, match=r"label 'spleen' \(1\) of 'part-1' has no value"):
        combine(ABOUT, packages, [Label(1, "a"), Label(2, "b")], target, [{1: 1, 2: 2}, {1: 7}])
    with pytest.raises(ModelError, match="get the same value"):
        combine(ABOUT, packages, [Label(1, "a"), Label(2, "b")], target, [{1: 1, 2: 1}, {1: 2}])
    with pytest.raises(ModelError, match="at least one part"):
        combine(ABOUT, [], [Label(1, "a")], target)
    assert not target.exists()
    table = [Label(1, "Anterior"), Label(2, "Posterior"), Label(3, "spleen")]
    whole = combine(ABOUT, packages, table, target)
    with pytest.raises(ModelError, match="made of several networks itself"):
        combine(ABOUT, [whole], table, tmp_path / "more")
    assert not list(tmp_path.glob(".*"))
