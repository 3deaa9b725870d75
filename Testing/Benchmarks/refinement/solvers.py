"""Ways to solve the same problem, behind the session's protocol for methods: what the choice of a solver costs.

All have the same terms: how much more the intensity resembles what the prompt asserts than the other side, how far the
prompt is, what the model thought, and how alike neighbours are. They differ in how they weigh them into an answer.
"""

import numpy as np
from scipy import ndimage, sparse

NEAR = 3.0
"""mm around a prompt whose intensities stand for what it asserts."""
FAR = 10.0
"""mm from a prompt beyond which the mask is taken for right when something is taken away."""
DECAY = 12.0
"""mm in which a prompt loses one unit of log-odds."""
MOST_ODDS = 3.0
BINS = 32


class _Solver:
    def start_margin(self, spacing):
        return tuple(max(2, round(15 / mm)) for mm in spacing)

    def solve(self, problem):
        odds = evidence(problem)
        inside, outside = fixed(problem)
        return self._solve(problem, odds, inside, outside)


class ScreenedPoisson(_Solver):
    """Random walker with priors: quadratic smoothness by the image's edges, pulled towards each voxel's own
    probability, solved by conjugate gradients."""

    def __init__(self, pull=0.1, tolerance=1e-3):
        self._pull, self._tolerance = pull, tolerance

    def _solve(self, problem, odds, inside, outside):
        from scipy.sparse.linalg import cg

        first, second, weight = edges(problem)
        n = odds.size
        known = (inside | outside).ravel()
        ends = np.concatenate([first, second]), np.concatenate([second, first])
        graph = sparse.csr_array((np.tile(weight, 2), ends), shape=(n, n))
        pull = np.full(n, self._pull)
        system = sparse.diags_array(graph.sum(axis=1) + pull) - graph
        prior = 1 / (1 + np.exp(-odds.ravel()))
        values = inside.ravel().astype(float)
        free = np.flatnonzero(~known)
        rows = system.tocsr()[free]
        right = pull[free] * prior[free] - rows[:, np.flatnonzero(known)] @ values[known]
        inner = rows[:, free]
        jacobi = sparse.diags_array(1 / inner.diagonal())
        values[free], _ = cg(inner, right, x0=prior[free], rtol=self._tolerance, maxiter=500, M=jacobi)
        return values.reshape(odds.shape) > 0.5


class GraphCut(_Solver):
    """The exact minimum of the sum of odds and of differing neighbours, by scipy's maximum flow."""

    SCALE = 1000

    def __init__(self, smooth=1.0):
        self._smooth = smooth

    def _solve(self, problem, odds, inside, outside):
        first, second, weight = edges(problem)
        n = odds.size
        source, sink = n, n + 1
        odds = np.where(inside, 1e3, np.where(outside, -1e3, odds)).ravel()
        voxel = np.arange(n)
        starts = np.concatenate([first, second, np.full(n, source), voxel])
        ends = np.concatenate([second, first, voxel, np.full(n, sink)])
        share = [np.tile(self._smooth * weight, 2), np.maximum(odds, 0), np.maximum(-odds, 0)]
        capacity = np.round(self.SCALE * np.concatenate(share)).astype(np.int32)
        graph = sparse.csr_array((capacity, (starts, ends)), shape=(n + 2, n + 2))
        flow = sparse.csgraph.maximum_flow(graph, source, sink).flow
        left = graph - flow
        left.data = np.maximum(left.data, 0)
        left.eliminate_zeros()
        reached = sparse.csgraph.breadth_first_order(left, source, return_predecessors=False)
        answer = np.zeros(n + 2, bool)
        answer[reached] = True
        return answer[:n].reshape(odds.reshape(problem.mask.shape).shape)


class GeodesicFusion(_Solver):
    """Which side is nearer, along ways that cost more across edges and where the odds speak against: SimpleITK's fast
    marching from either side."""

    def _solve(self, problem, odds, inside, outside):
        if not outside.any():
            outside = borders(odds.shape) & ~inside
        steps = np.exp(-edge_strength(problem))
        near = _march(steps / (1 + np.exp(-odds)), inside, problem.spacing)
        far = _march(steps / (1 + np.exp(odds)), outside, problem.spacing)
        return near < far


SOLVERS = {"random walker with priors": ScreenedPoisson, "graph cut": GraphCut, "geodesic fusion": GeodesicFusion}


def evidence(problem):
    """Log-odds of the segment per voxel."""
    near = ndimage.distance_transform_edt(~problem.seeds, sampling=problem.spacing)
    close = near <= max(NEAR, 1.01 * min(problem.spacing))
    if problem.adding:
        ours, theirs = close | (problem.mask & (near < 2 * FAR)), ~problem.mask & ~close
    else:
        ours, theirs = close | (~problem.mask & (near < 2 * FAR)), problem.mask & (near > FAR)
    grey = problem.image[min(1, len(problem.image) - 1)]
    odds = _likelihood(grey, ours, theirs) + 1 - near / DECAY
    if not problem.adding:
        odds = -odds
    if problem.probability is not None:
        share = np.clip(problem.probability, 0.05, 0.95)
        odds = odds + np.log(share / (1 - share))
    return np.clip(odds, -MOST_ODDS, MOST_ODDS)


def fixed(problem):
    """Voxels that are in the segment, and out of it, whatever the terms say."""
    settled = ~problem.free & ~problem.seeds
    inside = problem.include | (settled & problem.mask)
    outside = (problem.exclude | (settled & ~problem.mask)) & ~problem.include
    if problem.adding:
        inside = inside | problem.mask
    else:
        outside = outside | (~problem.mask & ~inside)
        near = ndimage.distance_transform_edt(~problem.seeds, sampling=problem.spacing)
        inside = inside | (problem.mask & borders(problem.mask.shape) & (near > FAR) & ~outside)
    return inside & ~problem.exclude, outside


def edges(problem):
    """Pairs of face neighbours (flat numbers) and how alike they are, 0 to 1."""
    grey, scale = problem.image[min(1, len(problem.image) - 1)], _noise(problem)
    number = np.arange(grey.size).reshape(grey.shape)
    pairs = []
    for axis, mm in enumerate(problem.spacing):
        low, high = (np.moveaxis(array, axis, 0) for array in (grey, number))
        step = np.abs(np.diff(low, axis=0)) / scale
        alike = np.exp(-(step**2) / 2) * (min(problem.spacing) / mm) + 1e-4
        pairs.append((high[:-1].ravel(), high[1:].ravel(), alike.ravel()))
    return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))


def edge_strength(problem):
    """Steepness of the image per voxel, in units of its noise, at most 4."""
    grey = problem.image[min(1, len(problem.image) - 1)]
    squares = [np.gradient(grey, axis=axis) ** 2 for axis in range(3) if grey.shape[axis] > 1]
    return np.minimum(np.sqrt(sum(squares)) / _noise(problem), 4)


def borders(shape):
    inner = tuple(slice(1, -1) if n > 2 else slice(None) for n in shape)
    sides = np.ones(shape, bool)
    sides[inner] = False
    return sides


def _noise(problem):
    grey = problem.image[min(1, len(problem.image) - 1)]
    steps = np.abs(np.diff(grey, axis=2))
    return max(2 * float(np.median(steps)) if steps.size else 0.0, float(grey.std()) / 10, 1e-6)


def _likelihood(grey, ours, theirs):
    """Logarithm of how much more often an intensity occurs on our side, from two smoothed histograms."""
    if not ours.any() or not theirs.any():
        return np.zeros(grey.shape)
    low, high = np.percentile(grey, (0.5, 99.5))
    bins = np.clip(((grey - low) / max(high - low, 1e-6) * BINS).astype(int), 0, BINS - 1)
    shares = []
    for side in (ours, theirs):
        counts = ndimage.gaussian_filter1d(np.bincount(bins[side], minlength=BINS).astype(float), 1.5, mode="nearest")
        shares.append(counts / counts.sum() + 1e-3)
    return np.log(shares[0] / shares[1])[bins]


def _march(speed, seeds, spacing):
    import SimpleITK as sitk

    picture = sitk.GetImageFromArray(np.maximum(speed, 1e-3))
    picture.SetSpacing([float(mm) for mm in spacing[::-1]])
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints([tuple(int(n) for n in index[::-1]) for index in np.argwhere(_rim(seeds))])
    times = sitk.GetArrayFromImage(marching.Execute(picture))
    return np.where(seeds, 0, times)


def _rim(seeds):
    """The seeds that have a neighbour that is none: the march starts there."""
    return seeds & ~ndimage.binary_erosion(seeds, np.ones((3, 3, 3)), border_value=1)
