"""One row for each package and way of running it: time, accuracy, agreement; the ways take turns on every case."""

import math
import random
import time
from dataclasses import asdict, dataclass, field
from statistics import median

import numpy as np

from UNetSegmentLib.compression.cases import read_image, read_labels
from UNetSegmentLib.networks.costs import cost
from UNetSegmentLib.training.scoring.evaluation import score_case

from .runtimes import SOURCE, segmenter_of, ways_of


@dataclass
class Row:
    """Measurements of one package run in one way; seconds of every case, scores of every case and label."""

    package: str
    runtime: str
    parameters: int
    flops_per_voxel: float
    bytes: int
    tile_seconds: list = field(default_factory=list)
    case_seconds: list = field(default_factory=list)
    dice: list = field(default_factory=list)
    hd95: list = field(default_factory=list)
    same: int = 0
    voxels: int = 0

    @property
    def ms_per_tile(self):
        return 1000 * median(self.tile_seconds) if self.tile_seconds else math.nan

    @property
    def seconds(self):
        return median(self.case_seconds) if self.case_seconds else math.nan

    @property
    def mean_dice(self):
        return _mean([_mean(column) for column in zip(*self.dice, strict=True)])

    @property
    def worst(self):
        return min((_mean(row) for row in self.dice if not math.isnan(_mean(row))), default=math.nan)

    @property
    def mean_hd95(self):
        return _mean([v for row in self.hd95 for v in row if math.isfinite(v)])

    @property
    def agreement(self):
        return self.same / self.voxels if self.voxels else math.nan

    def to_json(self):
        return asdict(self)


def package_rows(name, model, size, runtimes):
    """Empty rows of a package."""
    card = model.card
    patch = card.inference.patch
    need = cost(card.network, patch)
    voxels = math.prod(patch)
    return [Row(name, runtime, need.parameters, need.flops / voxels, size(runtime)) for runtime in runtimes]


def measure(packages, cases, runtimes, source, rounds=1, report=print):
    """Rows of all packages.

    Args:
        packages: name to (model, size of the package by way).
        source: name of the package whose answer in torch is what others agree with.
    """
    rows, segmenters = {}, {}
    for name, (model, size) in packages.items():
        for row in package_rows(name, model, size, ways_of(model, runtimes)):
            rows[name, row.runtime] = row
            segmenters[name, row.runtime] = segmenter_of(model, row.runtime)
    order = random.Random(0)
    warm(segmenters, cases[0], next(iter(packages.values()))[0].card, report)
    for number, case in enumerate(cases):
        found = {}
        card = packages[source][0].card
        image = read_image(case, card)
        reference = read_labels(case, card, image)
        for key in _turns(list(segmenters), rounds, order):
            started = time.perf_counter()
            result = segmenters[key].segment(image)
            rows[key].case_seconds.append(time.perf_counter() - started)
            rows[key].tile_seconds.append(result.timings["network"] / max(result.settings["tiles"], 1))
            found[key] = result.segmentation
        _score(rows, found, found[source, SOURCE], case, reference, card)
        report(f"{case.name}: {number + 1} of {len(cases)}")
    return list(rows.values())


def warm(segmenters, case, card, report):
    """Everything runs once before it is timed: plans, compiled networks, memory."""
    image = read_image(case, card)
    for key, segmenter in segmenters.items():
        started = time.perf_counter()
        segmenter.segment(image)
        report(f"{' / '.join(key)}: ready in {time.perf_counter() - started:.1f} s")


def _turns(keys, rounds, order):
    for _ in range(rounds):
        order.shuffle(keys)
        yield from keys


def _score(rows, found, source, case, reference, card):
    values = [label.value for label in card.labels]
    for key, segmentation in found.items():
        row = rows[key]
        row.same += int(np.count_nonzero(segmentation.voxels == source.voxels))
        row.voxels += source.voxels.size
        if reference is not None:
            scores = score_case(segmentation, reference, case.data, 1.0, values)
            row.dice.append([math.nan if s.dice is None else s.dice for s in scores])
            row.hd95.append([math.nan if s.hd95_mm is None else s.hd95_mm for s in scores])


def _mean(values):
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


def measure_time(name, model, volume, runtimes, rounds=2):
    """Rows of one network on one image: time and agreement."""
    measured = {row.runtime: row for row in package_rows(name, model, lambda runtime: 0, runtimes)}
    segmenters = {runtime: segmenter_of(model, runtime) for runtime in runtimes}
    source = segmenters[SOURCE].segment(volume).segmentation
    for turn in range(rounds):
        for runtime, segmenter in segmenters.items():
            started = time.perf_counter()
            result = segmenter.segment(volume)
            row = measured[runtime]
            if turn or runtime == SOURCE:  # the first run compiles
                row.case_seconds.append(time.perf_counter() - started)
                row.tile_seconds.append(result.timings["network"] / result.settings["tiles"])
            row.same = int(np.count_nonzero(result.segmentation.voxels == source.voxels))
            row.voxels = source.voxels.size
    return list(measured.values())
