from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cohort_files import write_image, write_series
from pydicom import dcmread
from pydicom.uid import generate_uid

from UNetSegmentLib.cohort.case import CohortCase, Source
from UNetSegmentLib.cohort.finding.dicom_only import dicom_only
from UNetSegmentLib.cohort.finding.inputs import find_cases
from UNetSegmentLib.cohort.finding.listing import write_list
from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.cohort.journal import Journal
from UNetSegmentLib.cohort.running.messages import case_from, case_line
from UNetSegmentLib.cohort.stamps import content_of, stamp_of
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.label_table import write_label_table
from UNetSegmentLib.labels import Label

ANY = Wanted()


def names(found) -> list[str]:
    return [case.name for case in found.cases]


def reasons(found) -> dict[str, str]:
    return {left.name: left.cause for left in found.left_out}


def test_files_patterns_and_folders_are_one_case_each(tmp_path: Path) -> None:
    for name in ("a", "b", "sub/c"):
        write_image(tmp_path / "scans" / f"{name}.nii.gz")
    (tmp_path / "scans" / "notes.txt").write_text("words")
    found = find_cases([tmp_path / "scans"], ANY)
    assert names(found) == ["a", "b", "c"]
    assert reasons(found) == {"notes.txt": "It is not an image that can be read."}
    assert names(find_cases([str(tmp_path / "scans" / "*.nii.gz")], ANY)) == ["a", "b"]
    assert names(find_cases([tmp_path / "scans" / "b.nii.gz"], ANY)) == ["b"]


def test_what_is_not_there_is_a_row(tmp_path: Path) -> None:
    found = find_cases([tmp_path / "nothing.nii.gz", tmp_path / "*.nrrd"], ANY)
    assert not found.cases
    assert reasons(found) == dict.fromkeys(("nothing.nii.gz", "*.nrrd"), "There is no such file or folder.")


def test_one_name_in_two_folders_becomes_two_names(tmp_path: Path) -> None:
    write_image(tmp_path / "one" / "T1.nii.gz")
    write_image(tmp_path / "two" / "T1.nii.gz")
    write_image(tmp_path / "two" / "t1.nrrd")
    found = names(find_cases([tmp_path], ANY))
    assert len({name.casefold() for name in found}) == 3
    assert found[:2] == ["one-T1", "two-T1"]


def test_as_many_folders_as_tell_them_apart_come_before_a_name(tmp_path: Path) -> None:
    for patient in ("p1", "p2", "p3"):
        write_image(tmp_path / patient / "anat" / "T1.nii.gz")
    write_image(tmp_path / "p3" / "anat" / "T1.nrrd")
    assert names(find_cases([tmp_path], ANY)) == ["p1-anat-T1", "p2-anat-T1", "p3-anat-T1", "p3-anat-T1-2"]


def test_two_kinds_of_file_in_one_folder_get_numbers(tmp_path: Path) -> None:
    write_image(tmp_path / "T1.nii.gz")
    write_image(tmp_path / "T1.nrrd")
    assert names(find_cases([tmp_path], ANY)) == ["T1", "T1-2"]


def test_one_image_given_twice_is_one_case(tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.nii.gz")
    found = find_cases([image, tmp_path], ANY)
    assert len(found.cases) == 1
    assert "the same as a" in next(iter(reasons(found).values()))


def test_links_are_followed_to_files_and_not_in_circles(tmp_path: Path) -> None:
    image = write_image(tmp_path / "elsewhere" / "a.nii.gz")
    scans = tmp_path / "scans"
    scans.mkdir()
    try:
        (scans / "linked.nii.gz").symlink_to(image)
        (scans / "circle").symlink_to(scans, target_is_directory=True)
        (scans / "gone.nii.gz").symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("this system makes no links")
    found = find_cases([scans], ANY)
    assert names(found) == ["linked"]
    assert set(reasons(found)) == {"circle", "gone.nii.gz"}


def test_the_output_inside_an_input_is_passed_over(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz")
    write_image(tmp_path / "results" / "a" / "segmentation.nii.gz")
    assert names(find_cases([tmp_path], ANY, tmp_path / "results")) == ["a"]


def test_results_of_another_run_inside_an_input_are_passed_over_and_said(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz")
    write_image(tmp_path / "results" / "a" / "segmentation.nii.gz")
    with Journal(tmp_path / "results"):
        pass
    found = find_cases([tmp_path], ANY, tmp_path / "elsewhere")
    assert names(found) == ["a"]
    assert reasons(found) == {"results": "It holds results of a cohort run."}
    assert names(find_cases([tmp_path / "results"], ANY)) == ["segmentation"], "who names the folder itself means it"


def test_segmentations_among_images_are_left_out(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    for name in ("a.nii.gz", "a-label.nii.gz", "b.nrrd", "c.nii.gz", "c.nrrd"):
        write_image(scans / name)
    write_image(scans / "image.nrrd").rename(scans / "a.seg.nrrd")
    (scans / "b.json").write_text('{"RepetitionTime": 2}')  # of BIDS, about the image
    for name in ("a-label", "c"):  # c: image or label map
        write_label_table(scans / f"{name}.json", [Label(1, "liver")])
    for given in ([scans], [str(scans / "*.n*")], [scans / "a.seg.nrrd", *sorted(scans.glob("*.n*"))]):
        found = find_cases(given, ANY)
        drawn = {left.name for left in found.left_out if left.cause == "It is a segmentation, no image."}
        assert sorted(case.images[0].path.name for case in found.cases) == ["a.nii.gz", "b.nrrd", "c.nii.gz", "c.nrrd"]
        assert drawn == {"a.seg.nrrd", "a-label.nii.gz"}
    (tmp_path / "list.csv").write_text("image\nscans/a.seg.nrrd\nscans/a-label.nii.gz\n")
    assert len(find_cases([tmp_path / "list.csv"], ANY).cases) == 2, "who names them means them"


def test_channels_of_nnunet_are_joined_and_a_missing_one_is_said(tmp_path: Path) -> None:
    for name in ("x_0000", "x_0001", "y_0000"):
        write_image(tmp_path / f"{name}.nii.gz")
    found = find_cases([tmp_path], Wanted(channels=2))
    assert names(found) == ["x"]
    assert [source.path.name for source in found.cases[0].images] == ["x_0000.nii.gz", "x_0001.nii.gz"]
    assert "no channel 0001" in next(iter(reasons(found).values()))


def test_cases_with_numbers_of_four_digits_are_no_channels(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"patient_{number:04}.nii.gz")
    every = ["patient_0000", "patient_0001", "patient_0002"]
    assert names(find_cases([tmp_path], ANY)) == every
    assert names(find_cases([tmp_path / "patient_0002.nii.gz"], ANY)) == every[2:]


def test_a_channel_that_the_model_does_not_take_is_said(tmp_path: Path) -> None:
    for name in ("x_0000", "x_0001", "y_0000"):
        write_image(tmp_path / f"{name}.nii.gz")
    found = find_cases([tmp_path], ANY)
    assert names(found) == ["x", "y"]
    assert "channel 0001 of x" in next(iter(reasons(found).values()))


def test_channels_that_a_pattern_names_are_joined(tmp_path: Path) -> None:
    for name in ("x_0000", "x_0001"):
        write_image(tmp_path / f"{name}.nii.gz")
    assert names(find_cases([tmp_path / "*.nii.gz"], Wanted(channels=2))) == ["x"]


def test_a_table_runs_what_is_right_and_says_what_is_wrong(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz")
    write_image(tmp_path / "ref.nii.gz")
    (tmp_path / "list.csv").write_text(
        'id,image,roi,reference\nfirst,a.nii.gz,"0,9,0,9,0,9",ref.nii.gz\nsecond,gone.nii.gz,,\nthird,,,\n'
    )
    found = find_cases([tmp_path / "list.csv"], ANY)
    assert names(found) == ["first"]
    case = found.cases[0]
    assert (case.roi, case.reference) == ("0,9,0,9,0,9", tmp_path / "ref.nii.gz")
    assert set(reasons(found)) == {"second", "third"}
    assert "line 3 of list.csv names 'gone.nii.gz'" in reasons(found)["second"]


def test_columns_that_are_not_used_are_told_and_those_that_are_known(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz")
    (tmp_path / "list.csv").write_text("id,image,region,Ref,,roi\nx,a.nii.gz,1:2,b.nii.gz,,\n")
    (note,) = find_cases([tmp_path / "list.csv"], ANY).notes
    assert note == (
        "list.csv has columns that are not used: 'region', 'ref'. "
        "Known ones are id, image, image2 ..., roi, reference, series."
    )


def test_a_line_with_more_cells_than_the_heading_is_left_out_with_the_usual_reason(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz")
    (tmp_path / "list.csv").write_text('id,image,roi\nx,a.nii.gz,1,2,3\ny,a.nii.gz\nz,a.nii.gz,"1:3,1:3,1:3",,,\n')
    found = find_cases([tmp_path / "list.csv"], ANY)
    assert names(found) == ["y", "z"]
    assert reasons(found) == {"x": "The line 2 of list.csv has more cells than the heading."}
    assert "in quotes" in found.left_out[0].cure


def test_one_image_with_several_references_is_several_cases(tmp_path: Path) -> None:
    for name in ("a", "r1", "r2"):
        write_image(tmp_path / name / f"{name}.nii.gz")
    (tmp_path / "list.csv").write_text(
        "id,image,reference\nx,a/a.nii.gz,r1/r1.nii.gz\ny,a/a.nii.gz,r2/r2.nii.gz\nz,a/a.nii.gz,r2/r2.nii.gz\n"
    )
    found = find_cases([tmp_path / "list.csv", tmp_path / "a"], ANY)
    assert names(found) == ["x", "y"]
    assert reasons(found) == {"z": "It is the same as y.", "a": "It is the same as x."}


def test_a_list_of_what_was_found_is_taken_for_it(tmp_path: Path) -> None:
    """Parts on many machines take the list, and need not each search."""
    uid = write_series(tmp_path / "dicom" / "head")
    for name in ("a, b_0000", 'quo"ted_0000'):
        for channel in range(2):
            write_image(tmp_path / "scans" / f"{name[:-4]}{channel:04}.nii.gz")
    for folder, wanted in (("dicom", ANY), ("scans", Wanted(channels=2))):
        found = find_cases([tmp_path / folder], wanted).cases
        assert write_list(found, tmp_path / "list.csv") == 0
        again = find_cases([tmp_path / "list.csv"], wanted).cases
        assert [(c.name, c.images, c.roi, c.reference) for c in again] == [
            (c.name, c.images, c.roi, c.reference) for c in found
        ]
    assert uid in {source.series for case in find_cases([tmp_path / "dicom"], ANY).cases for source in case.images}


def test_what_cannot_stand_in_a_list_is_counted(tmp_path: Path) -> None:
    name = Path(os.fsdecode(b"caf\xe9.nii.gz"))
    assert write_list([CohortCase("cafe", (Source(name),)), CohortCase("b", (Source(Path("b")),))], tmp_path / "l") == 1


@pytest.mark.parametrize("text", ["id;bild\n1;a", "", "image,image\na,b\n"])
def test_a_table_without_images_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError):
        find_cases([tmp_path / "list.csv"], ANY)


def test_a_dicom_tree_gives_the_series_that_suit(tmp_path: Path) -> None:
    uid = write_series(tmp_path / "p1" / "head")
    write_series(tmp_path / "p1" / "chest", modality="CT")
    write_series(tmp_path / "p2" / "one", count=1, patient="Roe")
    found = find_cases([tmp_path], Wanted(modalities=("MR",), volumes=True))
    assert [case.images for case in found.cases] == [(Source(tmp_path / "p1" / "head", uid),)]
    assert sorted(cause.split(" (")[0] for cause in reasons(found).values()) == [
        "It has 1 slice, and the model takes volumes.",
        "It is CT, and the model takes MR.",
    ]
    assert "3 series of 3 studies" in found.notes[0]


def test_a_series_is_not_changed_by_others_that_come_into_its_folder(tmp_path: Path) -> None:
    """Archives often keep all series of a study in one folder."""
    study, folder = generate_uid(), tmp_path / "study"
    names = {write_series(folder / "new", study=study): "T1"}
    for path in list((folder / "new").iterdir()):
        path.rename(folder / f"a{path.name}")
    (before,) = find_cases([folder], ANY).cases
    stamps = stamp_of(before), content_of(before)
    names[write_series(folder, study=study, description="T2")] = "T2"
    cases = {names[case.images[0].series]: case for case in find_cases([folder], ANY).cases}
    assert set(cases) == {"T1", "T2"}
    assert (stamp_of(cases["T1"]), content_of(cases["T1"])) == stamps
    assert case_from(json.loads(json.dumps(case_line(cases["T1"])))) == cases["T1"]
    (folder / "aslice2.dcm").touch()
    assert stamp_of(cases["T1"]) != stamps[0]
    assert content_of(cases["T2"]) != stamps[1]


def test_no_name_of_a_patient_is_in_a_case(tmp_path: Path) -> None:
    write_series(tmp_path / "x", patient="Doe")
    case = find_cases([tmp_path], ANY).cases[0]
    assert "doe" not in f"{case.name}{case.origin}".lower()
    assert dcmread(tmp_path / "x" / "slice0.dcm").PatientID == "Doe-1"


def test_a_folder_that_may_not_be_read_is_a_row(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    write_image(tmp_path / "a.nii.gz")
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("this user may read everything")
        found = find_cases([tmp_path], ANY)
    finally:
        closed.chmod(0o700)
    assert names(found) == ["a"]
    assert reasons(found) == {"closed": "The folder cannot be listed."}


@pytest.mark.parametrize(
    ("modality", "expected"),
    [("MR", ("MR",)), ("CT", ("CT",)), ("Colour fundus photograph", ()), ("PET/CT", ("CT", "PT"))],
)
def test_the_card_says_which_modalities_suit(modality: str, expected: tuple[str, ...], level_package: Path) -> None:
    from dataclasses import replace

    from UNetSegmentLib.models import read_card

    assert Wanted.by(replace(read_card(level_package), modality=modality)).modalities == expected


def test_a_model_of_colours_takes_one_image_and_a_table_may_name_three(tmp_path: Path, level_package: Path) -> None:
    from dataclasses import replace

    from UNetSegmentLib.models import InputChannel, read_card

    card = read_card(level_package)
    inputs = tuple(InputChannel(name, "Photograph") for name in ("Red", "Green", "Blue"))
    wanted = Wanted.by(replace(card, inputs=inputs, modality="Photograph"))
    assert (wanted.channels, wanted.colours) == (1, True)
    for name in ("eye_0000", "eye_0001", "eye_0002"):
        write_image(tmp_path / f"{name}.nii.gz")
    assert len(names(find_cases([tmp_path], wanted))) == 3, "three photographs, not the colours of one"
    (tmp_path / "list.csv").write_text(
        "id,image,image2,image3\none,eye_0000.nii.gz,,\nthree,eye_0000.nii.gz,eye_0001.nii.gz,eye_0002.nii.gz\n"
        "two,eye_0000.nii.gz,eye_0001.nii.gz,\n"
    )
    found = find_cases([tmp_path / "list.csv"], wanted)
    assert [(case.name, len(case.images)) for case in found.cases] == [("one", 1), ("three", 3)]
    write_series(tmp_path / "series", count=1)
    assert "grey, and the model takes colours" in " ".join(reasons(find_cases([tmp_path / "series"], wanted)).values())


def test_ids_that_stand_twice_in_a_table_are_told(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_image(tmp_path / f"{name}.nii.gz")
    (tmp_path / "list.csv").write_text("id,image\nx,a.nii.gz\nx,b.nii.gz\ny,c.nii.gz\n")
    found = find_cases([tmp_path / "list.csv"], ANY)
    assert names(found) == ["x", "x-2", "y"]
    assert found.notes == ("1 case has a name that another has too, and is called otherwise: 'x' is here 'x-2'.",)


def test_what_is_no_series_cannot_end_in_a_dicom_segmentation(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz")
    write_series(tmp_path / "series")
    found = dicom_only(find_cases([tmp_path], ANY))
    assert [case.images[0].path for case in found.cases] == [tmp_path / "series"]
    assert reasons(found) == {"a": "It is no DICOM series, so that no DICOM segmentation can be made of it."}


def test_what_was_found_is_the_same_whatever_folder_it_was_looked_for_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "scans"
    write_series(folder / "series", modality="CT")
    for path in (folder / "series").iterdir():
        data = dcmread(path)
        data.StudyInstanceUID = data.SeriesInstanceUID = ""  # named by its place, then
        data.save_as(path)
    (folder / "notes.txt").write_text("words")
    monkeypatch.chdir(tmp_path)
    from_above = find_cases(["scans"], Wanted(modalities=("MR",)))
    monkeypatch.chdir(folder)
    for given in (".", "../scans"):
        here = find_cases([given], Wanted(modalities=("MR",)))
        assert here == from_above and all(left.path.is_absolute() for left in here.left_out)
    assert "under scans:" in from_above.notes[0] and len(from_above.left_out) == 2
