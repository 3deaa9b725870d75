"""From a catalogue entry, served locally, to a model that segments; and nothing left behind when that fails."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nnunet_zip import nnunet_zip
from web import Web, hang

from UNetSegmentLib.errors import Cancelled, DownloadError, InputError, ModelError, OutputError, UNetSegmentError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.library import cache as cache_module
from UNetSegmentLib.models.library.cache import cache_contents
from UNetSegmentLib.models.library.entries import Entry, Part, RemoteFile
from UNetSegmentLib.models.library.installation import install, installed
from UNetSegmentLib.models.library.settings import DownloadSettings
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.volume import Volume

MakeEntry = Callable[..., Entry]
Install = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path, settings: DownloadSettings) -> Install:
    """Installs into ``tmp_path/models``."""

    def run(entry: Entry, **options: object) -> Path:
        given = {"licence_accepted": True, "destination": tmp_path / "models", "cache": tmp_path / "cache"}
        return install(entry, **{**given, "settings": settings, **options})  # type: ignore[arg-type]

    return run


@pytest.fixture
def liver(web: Web, make_entry: MakeEntry) -> Entry:
    """One network, two labels."""
    body = nnunet_zip(["liver", "tumour"], winner=2)
    file = RemoteFile(web.put("/liver.zip", body=body), len(body), hashlib.sha256(body).hexdigest())
    entry = make_entry(file, name="test-liver", labels=((1, "liver"), (2, "liver_tumor")), orientation="RAS")
    part = replace(entry.parts[0], configuration="3d_fullres", trainer="nnUNetTrainer", folds=("0",))
    return replace(entry, parts=(part,), protocol="The original crops first.")


@pytest.fixture
def whole(web: Web, make_entry: MakeEntry) -> Entry:
    """Two networks with one label table, of which the second's labels are renumbered."""
    bodies = {"organs": nnunet_zip(["spleen", "kidney"]), "ribs": nnunet_zip(["rib", "other rib"], winner=2)}
    parts = tuple(
        Part(name, RemoteFile(web.put(f"/{name}.zip", body=body)), labels, "3d_fullres", "nnUNetTrainer", ("0",))
        for (name, body), labels in zip(
            bodies.items(), (((1, "spleen"), (2, "kidney")), ((1, "rib_1"), (2, "rib_2"))), strict=True
        )
    )
    labels = ((1, "spleen"), (2, "kidney"), (3, "rib_1"), (4, "rib_2"))
    entry = make_entry(*(part.file for part in parts), name="test-whole", labels=labels, orientation="RAS")
    return replace(entry, parts=parts)


def no_trace(folder: Path) -> bool:
    return not folder.exists() or not list(folder.iterdir())


# -- installing --------------------------------------------------------------------------------------------------------


def test_a_model_with_a_complete_card(liver: Entry, put: Install, tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    folder = put(liver, progress=events.append)
    assert folder == tmp_path / "models" / "test-liver" and installed(liver, tmp_path / "models")
    card = load_model(folder).card
    assert (card.name, card.title, card.anatomy, card.modality) == ("test-liver", "A model", "Liver", "CT")
    assert card.licence.startswith("CC-BY-4.0 (https://") and card.citation == "Nobody, 2026"
    assert card.description == "For tests. The original crops first." and "liver.zip" in card.source
    assert [(label.value, label.name) for label in card.labels] == [(1, "liver"), (2, "liver_tumor")]
    assert card.labels[0].terminology is not None and card.labels[0].terminology.type.meaning == "Liver"
    assert len({label.color for label in card.labels}) == 2
    assert card.preparation.orientation == "RAS", "what the original does before nnU-Net is in no file of nnU-Net"
    stages = [event.stage for event in events]
    assert stages[0] == "download" and len(set(stages)) > 1
    assert [item.name for item in (tmp_path / "models").iterdir()] == ["test-liver"]


def test_several_networks_become_one_model_that_segments(whole: Entry, put: Install) -> None:
    from UNetSegmentLib.inference import Segmenter

    model = load_model(put(whole))
    assert [(label.value, label.name) for label in model.card.labels] == list(whole.labels)
    assert model.card.name == "test-whole" and len(model.card.companions) == 1
    assert {model.card.preparation.orientation, *(c.card.preparation.orientation for c in model.parts)} == {"RAS"}
    voxels = np.random.default_rng(1).normal(50, 30, (1, 12, 14, 16)).astype(np.float32)
    volume = Volume(voxels, Geometry((16, 14, 12), (2.0, 2.0, 2.0)))
    found = Segmenter(model, "cpu").segment(volume).segmentation
    assert set(np.unique(found.voxels)) == {4}, "the second network's label 2 is 4 of the common table, painted last"


def test_installing_again_replaces_and_needs_no_network(liver: Entry, put: Install, web: Web) -> None:
    folder = put(liver)
    (folder / "model.json").write_text(folder.joinpath("model.json").read_text().replace("A model", "An older one"))
    asked = len(web.requests)
    assert load_model(put(liver)).card.title == "A model" and len(web.requests) == asked


def test_archives_can_be_removed_after_installing(liver: Entry, put: Install, tmp_path: Path) -> None:
    put(liver, keep_archives=False)
    assert not cache_contents(tmp_path / "cache")


def test_labels_of_the_file_win_where_the_catalogue_errs(liver: Entry, put: Install) -> None:
    card = load_model(put(replace(liver, labels=((1, "liver"), (3, "something"))))).card
    assert [(label.value, label.name) for label in card.labels] == [(1, "liver"), (2, "tumour")]


def test_a_combined_model_with_an_unknown_label_is_refused(whole: Entry, put: Install, tmp_path: Path) -> None:
    wrong = replace(whole.parts[1], labels=((1, "rib_1"), (7, "rib_2")))
    with pytest.raises(ModelError, match="other rib"):
        put(replace(whole, parts=(whole.parts[0], wrong)))
    assert no_trace(tmp_path / "models")


# -- the licence -------------------------------------------------------------------------------------------------------


def test_without_accepting_the_licence_nothing_happens(liver: Entry, put: Install, web: Web, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"CC-BY-4\.0"):
        put(liver, licence_accepted=False)
    assert not web.requests and no_trace(tmp_path / "models") and not (tmp_path / "cache").exists()


# -- from files --------------------------------------------------------------------------------------------------------


def test_from_file_without_any_network(whole: Entry, put: Install, web: Web, tmp_path: Path) -> None:
    given = []
    for part in whole.parts:
        given.append(tmp_path / part.file.name)
        given[-1].write_bytes(web.resources[f"/{part.file.name}"].body)
    assert len(load_model(put(whole, files=given[::-1])).parts) == 1, "names tell them apart, not the order"
    assert load_model(put(whole, files=[tmp_path])).card.name == "test-whole", "a folder that holds them"
    renamed = [path.rename(tmp_path / f"{n}-renamed.zip") for n, path in enumerate(given)]
    assert load_model(put(whole, files=renamed)).card.name == "test-whole", "by their order where names say nothing"
    assert not web.requests


def test_an_unpacked_folder_will_do(liver: Entry, put: Install, web: Web, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(web.resources["/liver.zip"].body)) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert load_model(put(liver, files=[tmp_path / "unpacked"])).card.name == "test-liver"


def test_a_folder_of_another_model_does_not_get_the_entrys_name(
    liver: Entry, whole: Entry, put: Install, tmp_path: Path
) -> None:
    """What no digest proves must at least resemble the entry by its own words: label values, names and trainer."""

    def unpacked(name: str, labels: list[str], **options: str) -> Path:
        with zipfile.ZipFile(io.BytesIO(nnunet_zip(labels, **options))) as archive:  # type: ignore[arg-type]
            archive.extractall(tmp_path / name)
        return tmp_path / name

    wrong = {
        "names": (unpacked("names", ["structure 1", "structure 2"]), "its label 1 is 'structure 1', not 'liver'"),
        "values": (unpacked("values", ["liver"]), "it has the label values 1, not 1, 2"),
        "trainer": (unpacked("other", ["liver", "tumour"], trainer="nnUNetTrainerNoMirroring"), "not trained with"),
    }
    for folder, words in wrong.values():
        with pytest.raises(ModelError, match=words) as caught:
            put(liver, files=[folder])
        assert "unetsegment import" in caught.value.cure
    archive = tmp_path / "toy.zip"
    archive.write_bytes(nnunet_zip(["structure 1", "structure 2"]))
    with pytest.raises(ModelError, match="by its own words"):
        put(whole, files=[archive, archive])
    assert no_trace(tmp_path / "models")


def test_a_card_says_where_no_digest_proves_the_files(liver: Entry, put: Install, web: Web, tmp_path: Path) -> None:
    body = web.resources["/liver.zip"].body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(tmp_path / "unpacked")
    (tmp_path / "liver.zip").write_bytes(body)
    assert "no published digest proves: unpacked" in load_model(put(liver, files=[tmp_path / "unpacked"])).card.source
    assert "no published digest" not in load_model(put(liver, files=[tmp_path / "liver.zip"])).card.source
    assert "no published digest" not in load_model(put(liver)).card.source


def test_what_a_killed_installation_left_is_cleared(liver: Entry, put: Install, tmp_path: Path) -> None:
    left = tmp_path / "models" / ".0a1b2c3d.tmp"
    (left / "parts" / "network").mkdir(parents=True)
    (left / ".in-use").touch()
    os.utime(left, (0, 0))
    put(liver)
    assert [item.name for item in (tmp_path / "models").iterdir()] == ["test-liver"]


def test_missing_and_wrong_files_are_named(whole: Entry, liver: Entry, put: Install, tmp_path: Path) -> None:
    (tmp_path / "organs.zip").write_bytes(nnunet_zip(["spleen", "kidney"]))
    with pytest.raises(InputError, match=r"ribs\.zip"):
        put(whole, files=[tmp_path / "organs.zip"])
    with pytest.raises(InputError, match="nothing at"):
        put(whole, files=[tmp_path / "nowhere.zip"])
    (tmp_path / "liver.zip").write_bytes(nnunet_zip(["heart"]))
    with pytest.raises(ModelError, match="SHA256"):
        put(liver, files=[tmp_path / "liver.zip"])
    assert no_trace(tmp_path / "models")


# -- hostile and broken archives ---------------------------------------------------------------------------------------


def _bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("plans.json", "w") as member:
        for _ in range(40):
            member.write(bytes(1 << 20))
    return buffer.getvalue()


def _zip(name: str, content: bytes = b"x", mode: int = 0o100644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        archive.writestr(member, content)
    return buffer.getvalue()


HOSTILE = {
    "zip bomb": (_bomb, "not safe|too large|times its size"),
    "path traversal": (lambda: _zip("../../outside.txt"), "outside"),
    "absolute path": (lambda: _zip("/tmp/outside.txt"), "outside"),
    "symlink": (lambda: _zip("link", b"/etc/passwd", stat.S_IFLNK | 0o777), "link"),
    "no model inside": (lambda: _zip("readme.txt"), "."),
    "truncated": (lambda: nnunet_zip(["liver"])[:-4000], "cut short|readable"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_leave_nothing(
    case: str, web: Web, make_entry: MakeEntry, put: Install, tmp_path: Path
) -> None:
    make, words = HOSTILE[case]
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UNetSegmentError, match=words):
        put(make_entry(web.put("/bad.zip", body=make()), name="bad"))
    assert no_trace(tmp_path / "models")
    written = set(tmp_path.rglob("*")) - before
    assert all(
        path.is_relative_to(tmp_path / "cache") or path == tmp_path / "models"
        for path in written | {tmp_path / "cache"}
    )
    assert not Path("/tmp/outside.txt").exists() and not (tmp_path.parent / "outside.txt").exists()


# -- failures on the way -----------------------------------------------------------------------------------------------


def test_a_failing_second_download_leaves_no_half_model(whole: Entry, put: Install, web: Web, tmp_path: Path) -> None:
    del web.resources["/ribs.zip"]
    with pytest.raises(DownloadError):
        put(whole)
    assert no_trace(tmp_path / "models")
    assert [file.path.name[:6] for file in cache_contents(tmp_path / "cache")] == ["organs"], "what came is kept"


def test_cancelled_while_downloading_and_while_importing(whole: Entry, put: Install, web: Web, tmp_path: Path) -> None:
    web.resources["/organs.zip"].plan = [hang(3, after=100)]
    for stage in ("download", "read model", "write model"):
        token = CancelToken()

        def stop(event: ProgressEvent, stage: str = stage, token: CancelToken = token) -> None:
            if event.stage == stage and (stage != "download" or event.done):
                token.cancel()

        with pytest.raises(Cancelled):
            put(whole, progress=stop, cancel=token)
        assert no_trace(tmp_path / "models"), stage
    assert installed(whole, put(whole).parent)


def test_an_older_model_survives_a_failure(liver: Entry, put: Install, tmp_path: Path) -> None:
    folder = put(liver)
    (tmp_path / "liver.zip").write_bytes(_zip("readme.txt"))
    without = replace(liver, parts=(replace(liver.parts[0], file=RemoteFile("https://example.org/liver.zip")),))
    with pytest.raises(ModelError):
        put(without, files=[tmp_path / "liver.zip"])
    assert load_model(folder).card.name == "test-liver"


def test_a_folder_that_is_no_model_is_not_replaced(liver: Entry, put: Install, tmp_path: Path) -> None:
    (tmp_path / "models" / "test-liver").mkdir(parents=True)
    (tmp_path / "models" / "test-liver" / "thesis.docx").write_text("five years of work")
    with pytest.raises(OutputError, match="is no model"):
        put(liver)
    assert (tmp_path / "models" / "test-liver" / "thesis.docx").exists()


def test_a_full_disk_is_noticed_before_importing(
    liver: Entry, put: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "liver.zip").write_bytes(b"x")
    monkeypatch.setattr(cache_module, "free_bytes", lambda folder: 100)
    without = replace(liver, parts=(replace(liver.parts[0], file=RemoteFile("https://example.org/liver.zip")),))
    (tmp_path / "liver.zip").write_bytes(nnunet_zip(["liver", "tumour"]))
    with pytest.raises(OutputError, match="too full"):
        put(without, files=[tmp_path / "liver.zip"])
    assert no_trace(tmp_path / "models")
