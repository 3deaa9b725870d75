"""``unetsegment batch``: a model on many images, resumable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Cancelled, InputError, ServerError, UsageError
from ...progress import CancelToken
from ..terminal.console import progress_bar, say
from ..terminal.session import DebugOption, DeviceOption, FormOption, JsonOption, PresetOption, session
from .agreeing import refuse_beside, refuse_without
from .dry_run import list_cases, show_found
from .finishing import cases_words, finish_all, say_outcome, write
from .pacs import (
    CaOption,
    DicomwebOption,
    KeepOption,
    KindOption,
    Pacs,
    PasswordOption,
    QueryOption,
    SeriesOption,
    StoreOption,
    StudyOption,
    TokenOption,
    UserOption,
    WaitOption,
)
from .progress_lines import progress_lines

if TYPE_CHECKING:
    from ...cohort.case import Found
    from ...cohort.job import CohortJob
    from ...cohort.record import Record
    from ...cohort.run import Engine, Outcome, Part
    from ...models.card import ModelCard

_STOPPING = "Stopping after what is running. Press Ctrl-C again to stop at once."
_PATIENCE = 1800.0
_WHOLE = "1/1"
_CPUS = 1.0
_RAY = "Run on a Ray cluster: auto, local, or an address such as ray://host:10001."


@dataclass(frozen=True)
class Cluster:
    """What is asked of Ray; an empty address runs here."""

    address: str = ""
    actors: int = 0
    cpus: float = _CPUS
    gpus: float = 0.0
    memory_gb: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A run as it was asked for."""

    found: Found
    job: CohortJob
    card: ModelCard
    output: Path
    part: Part
    retry_failed: bool
    cluster: Cluster
    pacs: Pacs
    images: Path
    patience: float = _PATIENCE

    @property
    def about(self) -> str:
        """The job in words."""
        return ", ".join((f"{self.card.name} {self.card.version}", f"preset {self.job.preset}", self.job.ending))

    @property
    def digest(self) -> str:
        """Of the job."""
        return self.job.digest(self.card)

    def run(self, visible: bool, cancel: CancelToken) -> Outcome:
        """Runs what is still to do."""
        from ...cohort.audit import auditor
        from ...cohort.dicomweb.images import remove_images
        from ...cohort.dicomweb.sending import send_earlier
        from ...cohort.run import run_cohort

        keep = auditor(self.output, self.card, self.job, self.part.number, self.part.count)

        def ended(record: Record) -> None:
            keep(record)
            if visible and (record.cause or record.not_stored):
                say(f"{record.case}: {record.cause or record.not_stored}", error=True)

        engine, sender = self.pacs.with_server(self._engine(cancel), self.images, self.output, cancel)
        try:
            with progress_bar(visible) as bar:
                progress = bar or (progress_lines() if visible else None)
                if sender is not None:
                    send_earlier(self.found, self.digest, self.output, sender, self.part, ended, progress)
                again = self.retry_failed
                return run_cohort(
                    self.found, engine, self.digest, self.output, self.part, again, progress, ended, self.about
                )
        finally:
            if self.pacs.fetches and not self.pacs.keep_images:
                remove_images(self.images)

    def _engine(self, cancel: CancelToken) -> Engine:
        if not self.cluster.address:
            from ...cohort.running.driver import Driver

            owner = f"{self.part.number}-of-{self.part.count}"
            return Driver(self.job, self.digest, self.output, cancel, patience=self.patience, owner=owner)
        from ...cohort.cluster.engine import RayEngine
        from ...cohort.cluster.resources import RayResources, planned_memory

        asked = self.cluster
        memory = int(asked.memory_gb * (1 << 30))
        planned = 0 if memory else planned_memory(self.card, asked.gpus)
        resources = RayResources(asked.address, asked.actors, asked.cpus, asked.gpus, memory, planned)
        return RayEngine(self.job, self.digest, self.output, resources, cancel, patience=self.patience)


def batch(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Images, patterns, folders, DICOM trees, nnU-Net's imagesTs, or CSV tables with the columns id, image "
            "(image2, ...), roi, reference, series.",
        ),
    ] = None,
    folder: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="<path>", help="Folder of the results; must be named.", show_default=False
        ),
    ] = "",
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder or .zip.")] = "",
    device: DeviceOption = "auto",
    preset: PresetOption = "balanced",
    backend: Annotated[str | None, typer.Option(help="auto, torch, openvino or onnx: what runs the network.")] = None,
    form: FormOption = None,
    ending: Annotated[
        str | None, typer.Option("--format", help="Of segmentations: .seg.nrrd (default), .nii.gz, .nrrd, .mha, .dcm.")
    ] = None,
    preview: Annotated[bool, typer.Option(help="A picture for each case.")] = True,
    quality: Annotated[bool, typer.Option(help="Estimate how doubtful each case is (slower).")] = False,
    probabilities: Annotated[bool, typer.Option(help="Keep the probabilities of every label.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed cases again.")] = False,
    case_timeout: Annotated[
        float, typer.Option(min=0.0, help="Seconds without progress after which a case is given up; 0 for never.")
    ] = _PATIENCE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be run.")] = False,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="CSV", help="With --dry-run: write the cases to a table, which later runs take as INPUT."
        ),
    ] = None,
    part: Annotated[str, typer.Option(help="Run one part of several, such as 3/8, on a machine of its own.")] = _WHOLE,
    join: Annotated[bool, typer.Option("--join", help="Only put the tables of all parts together.")] = False,
    ray: Annotated[str, typer.Option(help=_RAY)] = "",
    ray_actors: Annotated[int, typer.Option(min=0, help="How many at once; 0 for as many as there is room for.")] = 0,
    ray_cpus: Annotated[float, typer.Option(min=0.0, help="CPUs of each.")] = _CPUS,
    ray_gpus: Annotated[float, typer.Option(min=0.0, help="Share of a GPU of each.")] = 0.0,
    ray_memory: Annotated[
        float, typer.Option(min=0.0, help="GB of memory of each; 0 for what the model is expected to need.")
    ] = 0.0,
    dicomweb: DicomwebOption = "",
    study: StudyOption = None,
    series: SeriesOption = None,
    query: QueryOption = None,
    store: StoreOption = False,
    dicom: KindOption = "labelmap",
    keep_images: KeepOption = False,
    user: UserOption = "",
    password_file: PasswordOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    server_timeout: WaitOption = 60.0,
    anonymous_report: Annotated[
        bool, typer.Option("--anonymous-report", help="Numbers in place of names in report.html.")
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Segment many images with a model, and go on where an earlier run was stopped.

    Every case ends in a folder of its own; cases.csv has a row for everything that was found, report.html shows what to
    look at first. A second run does what is left, and what has changed.

    Example: unetsegment batch scans/ -o results -m hippocampus-t1
    """
    with session(debug, json, _STOPPING) as cancel:
        if not folder.strip():  # a variable of the shell that is empty is no "here"
            raise UsageError("There is no folder for the results.", "Name one with -o.")
        target = Path(folder)
        if join:
            taken = {"INPUT": inputs, "--model": model, "--part": part != _WHOLE, "--list": listed}
            alone = {"--dry-run": dry_run, "--retry-failed": retry_failed, "--ray": ray, "--dicomweb": dicomweb}
            refuse_beside("--join", {**taken, **alone}, "--join takes -o alone: the folder that the parts wrote to.")
            finish_all(target, anonymous_report, json)
            return
        shares = {"--ray-cpus": ray_cpus != _CPUS, "--ray-gpus": ray_gpus, "--ray-memory": ray_memory}
        refuse_without("--ray", ray, {"--ray-actors": ray_actors, **shares})
        from ...cohort.job import CohortJob
        from ...cohort.leftovers import writing_tables
        from ...cohort.target import check_target

        if backend and not ray:  # of Ray's machines only they themselves know
            from ...inference.backends.installed import check_backend

            check_backend(backend)
        overrides = {name: value for name, value in (("backend", backend), ("form", form)) if value}
        asked = (tuple(study or ()), tuple(series or ()), tuple(query or ()))
        pacs = Pacs(dicomweb, *asked, store, keep_images, user, password_file, token_file, ca, server_timeout)
        pacs.check(bool(inputs))
        form_of = pacs.ending(ending)
        job = CohortJob(model, device, preset, overrides, form_of, preview, quality, probabilities, dicom)
        cluster = Cluster(ray, ray_actors, ray_cpus, ray_gpus, ray_memory)
        plan = _planned(inputs or [], target, job, _part(part), retry_failed, cluster, case_timeout, pacs, cancel, json)
        if listed is not None:
            with writing_tables(listed.absolute().parent):  # which may be the folder of a run
                list_cases(plan.found, listed)
        if dry_run or listed is not None:
            show_found(plan.found, json)
            return
        _check_cases(plan)
        check_target(target, inputs or ())
        outcome = plan.run(not json, cancel)
        stopped = _stopped(outcome, plan)
        _finish(outcome, plan, anonymous_report, json, stopped)
        if stopped:
            say(stopped, error=True)
            raise typer.Exit(Cancelled.exit_code)
        if outcome.failed_altogether:
            raise typer.Exit(1)
        if store and outcome.unsent:
            raise typer.Exit(ServerError.exit_code)


def _planned(
    inputs: list[Path],
    target: Path,
    job: CohortJob,
    part: Part,
    retry_failed: bool,
    cluster: Cluster,
    patience: float,
    pacs: Pacs,
    cancel: CancelToken,
    quiet: bool,
) -> Plan:
    from ...cohort.dicomweb.images import images_folder
    from ...cohort.finding.dicom_only import dicom_only
    from ...cohort.finding.inputs import find_cases
    from ...cohort.finding.wanted import Wanted
    from ...cohort.job import DICOM
    from ...models import find_model, read_card

    if not job.model:
        raise UsageError("No model is named.", "Name one with -m; 'unetsegment models list' shows those there are.")
    if not inputs and not pacs.url:
        raise UsageError("No image is named.", "Give files, folders, a CSV table, or --dicomweb.")
    card = read_card(Path(job.model) if Path(job.model).exists() else find_model(job.model))
    wanted, images = Wanted.by(card), images_folder(target, part, pacs.keep_images)
    with progress_bar(not quiet) as progress:
        found = find_cases(inputs, wanted, target) if inputs else pacs.find(wanted, images, cancel, progress)
    if job.ending == DICOM:
        found = dicom_only(found)
    return Plan(found, job, card, target, part, retry_failed, cluster, pacs, images, patience)


def _check_cases(plan: Plan) -> None:
    if plan.found.cases:
        return
    left = plan.found.left_out
    if not left and plan.pacs.fetches:
        raise InputError("The server has no series of images that fit the query.", "Ask for others, or for more.")
    reason = f" {left[0].name}: {left[0].cause}" if left else ""
    raise InputError(
        f"Nothing that was given is an image for '{plan.card.name}'.{reason}", "Check the inputs with --dry-run."
    )


def _part(text: str) -> Part:
    from ...cohort.run import Part

    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"'{text}' is no part.", "Write it as 3/8: the third of eight.")
    return Part(int(number), int(count))


def _stopped(outcome: Outcome, plan: Plan) -> str:
    """What a run that was cancelled has left; empty for one that has ended."""
    if not outcome.cancelled:
        return ""
    left = len(plan.part.of(plan.found.cases)) - outcome.run - outcome.kept
    if left == 1:
        return "Stopped: 1 case is left. The same command goes on with it."
    return f"Stopped: {left} cases are left. The same command goes on with them."


def _finish(outcome: Outcome, plan: Plan, anonymous: bool, as_json: bool, stopped: str) -> None:
    title = f"{plan.card.title}: {cases_words(outcome.records)}"
    about = f"{plan.card.name} {plan.card.version}, preset {plan.job.preset}"
    notes, faults = (*plan.found.notes, *outcome.notes), (stopped,) if stopped else ()
    written: list[Path] = []
    if plan.part.count == 1:
        written = write(outcome.records, plan.output, title, about, anonymous, notes, faults)
    said = (*notes, *faults) if as_json else notes  # people read it last
    say_outcome(outcome.records, outcome.run, outcome.kept, written, as_json, said)
