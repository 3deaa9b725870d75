"""Whether the quality estimate puts the worst cases first, and whether doubtful places lie where the errors are.

python Testing/Benchmarks/bench_quality.py [--every 2] [--skip-times]

Every second case of fold 0 of the hippocampus set, through the network that has not seen them, as they are and spoilt
(noise, blur, thick slices, a ghost, in turns); ``--every 1`` takes all 44. Mirrors are along x alone: the model's card
allows none, but it was trained with them.
"""

import argparse
import dataclasses
import functools
import json
import time

import numpy as np
import torch
from common import DATA, table
from refinement import cases
from refinement.cases import MODEL, Case
from refinement.spoiling import SPOILERS
from scipy import ndimage
from scipy.stats import spearmanr

from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.io import read_segmentation, read_volume
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.refinement import (
    Basis,
    Review,
    doubts_from_members,
    doubts_from_probabilities,
    doubts_from_probability,
    doubts_from_uncertainty,
    find_places,
    quality_of_probabilities,
    quality_of_uncertainty,
    review_places,
    run_members,
)
from UNetSegmentLib.volume import Segmentation

VALUES = (0, 1, 2)
SPOILT = ("noise", "blur", "thick slices", "ghost")
TOP = 5
RESAMPLED = 500


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One case through the model, and what is estimated of it."""

    spoilt: bool
    volume: object
    result: object
    reference: np.ndarray
    mirrors: object
    views: object

    @functools.cached_property
    def dice(self):
        """Mean over both labels."""
        found = self.result.segmentation.voxels
        return np.mean([dice(found == value, self.reference == value) for value in VALUES[1:]])

    @functools.cached_property
    def estimates(self):
        labels, maps = self.result.segmentation, self.result.probabilities
        made = {
            "agreement of 2 mirrors": self.mirrors.quality(),
            f"agreement of {len(self.views.segmentations)} voxel sizes": self.views.quality(),
            "own probabilities (weaker)": quality_of_probabilities(labels, maps, VALUES),
            "own uncertainty (weaker)": quality_of_uncertainty(labels, self.result.uncertainty),
        }
        return {name: quality.estimate or 0.0 for name, quality in made.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=2, help="take every n-th case of the fold")
    parser.add_argument("--skip-times", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = collected(arguments.every)
    ranking(runs)
    errors_in_places(runs)
    faults(runs)
    if not arguments.skip_times:
        times()


# -- cases --------------------------------------------------------------------------------------------------


def collected(every):
    folder = DATA / "msd_hippocampus"
    names = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["folds"][0][::every]
    settings = EngineSettings(backend="torch")
    model = load_model(MODEL)
    inference = dataclasses.replace(model.card.inference, mirror_axes=(2,))
    mirroring = Model.in_memory(dataclasses.replace(model.card, inference=inference), [model.network()])
    plain, mirrored = Segmenter(model, "cpu", settings=settings), Segmenter(mirroring, "cpu", settings=settings)
    runs = []
    for number, name in enumerate(names):
        volume = read_volume(folder / "images" / f"{name}.nii.gz")
        reference = read_segmentation(folder / "labels" / f"{name}.nii.gz").voxels
        for image in (volume, spoil(volume, number)):
            result = plain.segment(image, probabilities=True, uncertainty=True)
            known = result.segmentation
            mirrors = run_members(mirrored, image, basis=Basis.MIRRORS, known=known)
            views = run_members(plain, image, basis=Basis.VIEWS, known=known)
            runs.append(Run(image is not volume, image, result, reference, mirrors, views))
    return runs


def spoil(volume, number):
    """The image as another scanner, or a patient who moved, might give it."""
    image = volume.voxels.astype(np.float32)
    low, high = np.percentile(image, (1, 99))
    rows = image.shape[2]
    changed = {
        "noise": lambda: image + np.random.default_rng(number).normal(0, 0.25 * (high - low), image.shape),
        "blur": lambda: ndimage.gaussian_filter(image, (0, 1.5, 1.5, 1.5)),
        "thick slices": lambda: np.repeat(image[:, :, ::4], 4, axis=2)[:, :, :rows],
        "ghost": lambda: image + 0.5 * np.roll(image, rows // 3, axis=2),
    }[SPOILT[number % len(SPOILT)]]()
    return dataclasses.replace(volume, voxels=changed.astype(np.float32))


def dice(first, second):
    return 2 * np.count_nonzero(first & second) / max(np.count_nonzero(first) + np.count_nonzero(second), 1)


# -- which case first ---------------------------------------------------------------------------------------


def ranking(runs):
    rows = []
    for title, chosen in (
        ("as they are", [run for run in runs if not run.spoilt]),
        ("spoilt", [run for run in runs if run.spoilt]),
        ("both", runs),
    ):
        real = np.array([run.dice for run in chosen])
        least, random = aurc(real, real), float(np.mean(1 - real))
        about = [title, str(len(chosen)), f"{real.mean():.3f} +- {real.std():.3f}"]
        for name in chosen[0].estimates:
            estimate = np.array([run.estimates[name] for run in chosen])
            low, high = interval(estimate, real)
            rho = f"{spearmanr(estimate, real)[0]:.2f} ({low:.2f} to {high:.2f})"
            worst = f"{caught(estimate, real):.2f}"
            rows.append([*about, name, rho, f"{aurc(estimate, real):.4f}", f"{random:.4f}", f"{least:.4f}", worst])
            about = ["", "", ""]
    header = ["cases", "n", "Dice", "estimate", "Spearman (95 %)", "AURC", "random", "best", "worst fifth caught"]
    table("Which case first: estimate against true Dice", header, rows)


def aurc(estimate, real):
    """Area under the risk-coverage curve: mean, over all shares of cases that are kept, the best-rated first, of their
    mean 1 - Dice."""
    risk = 1 - real[np.argsort(-estimate, kind="stable")]
    return float(np.mean(np.cumsum(risk) / np.arange(1, len(risk) + 1)))


def caught(estimate, real):
    """Share of the worst fifth of the cases among the fifth that is looked at first; by chance 0.2."""
    count = max(1, len(real) // 5)
    return len({*np.argsort(real, kind="stable")[:count]} & {*np.argsort(estimate, kind="stable")[:count]}) / count


def interval(estimate, real):
    """95 % of Spearman's correlation over cases drawn again with replacement."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(real), len(real)) for _ in range(RESAMPLED)]
    return np.nanpercentile([spearmanr(estimate[n], real[n])[0] for n in drawn], (2.5, 97.5))


# -- where the errors are -----------------------------------------------------------------------------------


def errors_in_places(runs):
    rows = []
    for title, chosen in (
        ("as they are", [run for run in runs if not run.spoilt]),
        ("spoilt", [run for run in runs if run.spoilt]),
    ):
        for source, find in SOURCES.items():
            rng = np.random.default_rng(0)
            measured = np.array([shares(run, find(run.result.segmentation, run), rng) for run in chosen])
            there, beside, right, chance, found = measured.mean(axis=0)
            rows.append([title, source, f"{found:.1f}", *(f"{n:.3f}" for n in (there, beside, right, chance))])
    header = ["cases", "doubt from", "places", "of all errors", "random", "of the places wrong", "random"]
    table(f"The first {TOP} places, and random places of the border of the same sizes, sides and depths", header, rows)


SOURCES = {
    "probabilities": lambda labels, run: find_places(
        doubts_from_probabilities(labels, run.result.probabilities, VALUES)
    ),
    "uncertainty": lambda labels, run: find_places(doubts_from_uncertainty(labels, run.result.uncertainty)),
    "2 mirrors": lambda labels, run: find_places(doubts_from_members(labels, run.mirrors.segmentations)),
    "voxel sizes": lambda labels, run: find_places(doubts_from_members(labels, run.views.segmentations)),
}


def shares(run, places, rng):
    """Share of the error voxels that lie in the first places, and of these places that are errors; each beside that of
    random places; and how many places there are in all."""
    found = run.result.segmentation.voxels
    wrong = found != run.reference
    there, beside = np.zeros_like(wrong), np.zeros_like(wrong)
    for place in places[:TOP]:
        there[place.box.slices] |= place.inside
        beside |= random_place(found, place, rng)
    return (
        *((mask & wrong).sum() / wrong.sum() for mask in (there, beside)),
        *((mask & wrong).sum() / max(mask.sum(), 1) for mask in (there, beside)),
        len(places),
    )


def random_place(labels, place, rng):
    """As many voxels around a random place of the same border, on the same side and no deeper."""
    own = np.zeros(labels.shape, bool)
    own[place.box.slices] = place.inside
    depth = ndimage.distance_transform_edt(labels != place.becomes)
    side = labels == place.now
    center = rng.permutation(np.argwhere(side & (depth < 2)))[0]
    there = np.argwhere(side & (depth <= depth[own].max()))
    nearest = np.argsort(((there - center) ** 2).sum(axis=1), kind="stable")[: place.voxels]
    chosen = np.zeros(labels.shape, bool)
    chosen[tuple(there[nearest].T)] = True
    return chosen


def faults(runs):
    """Masks that lack a part or leak, as people's and cleaned ones do: at which place the fault is met first."""
    rows = []
    for kind in ("missed", "leak"):
        spoilt = [spoilt_answer(run, kind, number) for number, run in enumerate(runs) if not run.spoilt]
        rows.append(met(kind, "a model's probabilities", spoilt))
        rows.append(met(kind, "mask and image alone", [(case, weak_places(case)) for case in cases(kind)]))
    header = ["fault", "doubt from", "masks", "first place", "first 3", "first 5", "first 10"]
    table("Masks whose fault is met (a place that is mostly fault, or holds a tenth of it)", header, rows)


def spoilt_answer(run, kind, number):
    """A model's anterior hippocampus with a fault, beside what it was before, and the places that its probabilities
    lead to."""
    found = run.result.segmentation
    before = found.voxels == 1
    mask = SPOILERS[kind](before, run.volume.voxels[0], run.volume.geometry.array_spacing, number)
    labels = np.where(mask, 1, np.where(before, 0, found.voxels)).astype(np.uint8)
    case = Case(kind, "", "", run.volume, dataclasses.replace(found, voxels=labels), 1, before)
    return case, find_places(doubts_from_probabilities(case.segmentation, run.result.probabilities, VALUES), [1])


def weak_places(case):
    return review_places(case.segmentation, volume=case.volume, segments=[case.label])


def met(kind, source, spoilt):
    ranks = [rank for case, places in spoilt if (rank := fault_rank(case, places)) is not None]
    return [kind, source, str(len(spoilt)), *(str(sum(rank <= n for rank in ranks)) for n in (1, 3, 5, 10))]


def fault_rank(case, places):
    wrong = case.start != case.reference
    for rank, place in enumerate(places, 1):
        common = np.count_nonzero(place.inside & wrong[place.box.slices])
        if 2 * common > place.voxels or 10 * common > wrong.sum():
            return rank
    return None


# -- times --------------------------------------------------------------------------------------------------


def times():
    rows = []
    aorta = read_volume(DATA / "interactive" / "ct_aorta.nii.gz")
    labels = read_segmentation(DATA / "interactive" / "ct_aorta_labels.nii.gz").voxels == 1
    soft = ndimage.gaussian_filter(labels.astype(np.float32), 1.5)
    head = read_volume(DATA / "ct" / "ct_head_avm.nii.gz")
    for name, volume, probability in (("aorta CT", aorta, soft), ("head CT", head, blob(head.geometry.shape))):
        mask = Segmentation((probability > 0.5).astype(np.uint8), volume.geometry)
        started = time.perf_counter()
        places = find_places(doubts_from_probability(mask, probability, 1))
        finding = time.perf_counter() - started
        started = time.perf_counter()
        weak = review_places(mask, volume=volume)
        alone = time.perf_counter() - started
        review, steps = Review(places), []
        while review.left:
            started = time.perf_counter()
            review.next()
            steps.append(time.perf_counter() - started)
        size = " x ".join(map(str, volume.geometry.size))
        rows.append(
            [name, size, f"{finding:.2f}", str(len(places)), f"{alone:.2f}", str(len(weak)), f"{max(steps):.4f}"]
        )
    header = ["image", "voxels", "all places, s", "places", "without a model, s", "places", "next place, s, worst"]
    table("Seconds on one thread (aim: next place within 0.1 s)", header, rows)


def blob(shape):
    """The probability of something large with an uneven, soft border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=shape).astype(np.float32), 4)
    z, y, x = (((np.arange(n) - n / 2) / (0.35 * n)) ** 2 for n in shape)
    outwards = z[:, None, None] + y[:, None] + x - 1
    return (1 / (1 + np.exp(30 * outwards + noise / noise.std()))).astype(np.float32)


if __name__ == "__main__":
    main()
