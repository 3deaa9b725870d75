"""FACTS.md names tests that exist, and no test of a fact is left out of it."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
FACTS = HERE.parent / "FACTS.md"


def test_table_and_tests_agree():
    files = [*HERE.glob("test_facts_*.py"), HERE / "test_parameter_node_wrapper.py", HERE / "test_idioms.py"]
    there = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)}
    told = set(re.findall(r"`(test_\w+)`", FACTS.read_text(encoding="utf-8")))
    assert told <= there, told - there
    facts = {
        name
        for file in HERE.glob("test_facts_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)
    }
    assert facts - told == {"test_table_and_tests_agree"}
