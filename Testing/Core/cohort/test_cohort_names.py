"""Names of cases are each their own, whatever files are called."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from UNetSegmentLib.cohort.case import CohortCase, Source
from UNetSegmentLib.cohort.finding.names import with_own_names

_STEMS = st.sampled_from(["T1", "t1", "T1-2", "a-T1", "b", "Ä", "A\u0308", "straße", "STRASSE", "T1-2-2"])
_FOLDERS = st.sampled_from(["a", "b", "a/b", "b/a"])


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


@given(st.lists(st.tuples(_FOLDERS, _STEMS), max_size=12))
def test_no_two_share_a_name_and_whoever_is_alone_keeps_it(files: list[tuple[str, str]]) -> None:
    cases = [CohortCase(stem, (Source(Path("/in", folder, f"{stem}.nrrd")),)) for folder, stem in files]
    named = with_own_names(cases)
    assert [case.images for case in named] == [case.images for case in cases]
    assert len({folded(case.name) for case in named}) == len(cases)
    stems = [folded(stem) for _, stem in files]
    if len(set(stems)) == len(stems):
        assert [folded(case.name) for case in named] == stems
