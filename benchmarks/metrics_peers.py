"""Neural-collapse metrics against public code, on random features of classes of unequal sizes.

    python benchmarks/metrics_peers.py [--quick] [--seeds 5]

Needs torch and both packages:

    pip install git+https://github.com/rhubarbwu/neural-collapse
    pip install git+https://github.com/felixsh/nc-toolbox

Every row is a number of theirs and the expression of ours that is the same by their convention,
with the largest relative difference over the seeds. What has no row is not reported here:
`nc2_equinormness` of nc-toolbox is the mean over pairs a < b of log(n_a/n_b), n_c the norms of the
centred means, which depends on the order of the classes; its `unc3_uniform_duality` takes only the
pairs a < b of rows and means of different classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import script

from screlax.geometry import class_statistics, classifier_metrics, collapse_metrics

PEERS = {
    "neural_collapse": "git+https://github.com/rhubarbwu/neural-collapse",
    "nc_toolbox": "git+https://github.com/felixsh/nc-toolbox",
}
SIZES = [200, 120, 60, 60, 25, 12, 6, 3, 3, 2]

Row = tuple[str, str, float, float]
"""Theirs, ours, and both values."""


class Problem:
    """Random features, class means far from zero, and a classifier near them."""

    def __init__(self, seed: int, dim: int) -> None:
        rng = np.random.default_rng(seed)
        self.classes = len(SIZES)
        self.labels = rng.permutation(np.repeat(np.arange(self.classes), SIZES))
        centres = 0.5 + rng.standard_normal((self.classes, dim))
        self.rows = centres[self.labels] + rng.standard_normal((sum(SIZES), dim))
        self.weights = centres + rng.standard_normal((self.classes, dim))
        self.bias = rng.standard_normal(self.classes)
        self.statistics = class_statistics(self.rows, self.labels)
        self.metrics = collapse_metrics(self.statistics)

    def classifier(self, *, bias: bool):
        """Return our metrics of the classifier."""
        offset = self.bias if bias else None
        return classifier_metrics(self.rows, self.labels, self.statistics, self.weights, offset)


def rhubarbwu(problem: Problem) -> Iterator[Row]:
    """Yield what neural_collapse measures."""
    import torch
    from neural_collapse import accumulate, measure
    from neural_collapse.kernels import kernel_stats, log_kernel

    torch.set_default_dtype(torch.float64)  # its grids have the default type
    rows, labels, weights = map(torch.from_numpy, (problem.rows, problem.labels, problem.weights))
    size = (problem.classes, rows.shape[1], "cpu", torch.float64)
    mean_accumulator = accumulate.MeanAccumulator(*size)
    mean_accumulator.accumulate(rows, labels)
    means, centre = mean_accumulator.compute()
    covariances = accumulate.CovarAccumulator(*size, M=means)
    covariances.accumulate(rows, labels, means)
    within = covariances.compute()
    variances = accumulate.VarNormAccumulator(*size, M=means)
    variances.accumulate(rows, labels, means)
    spread, _ = variances.compute()
    decisions = accumulate.DecAccumulator(*size, M=means, W=weights)
    decisions.accumulate(rows, labels, weights, means)

    ours, own = problem.metrics, problem.classifier(bias=False)
    # its own weighted mean fails on shapes
    centres = {"class_centred": centre, "sample_centred": rows.mean(dim=0), "uncentred": 0}
    for name, middle in centres.items():
        shown = {"class_centred": "mG", "sample_centred": "mean of rows", "uncentred": "0"}[name]
        norms = measure.mean_norms(means, middle).numpy()
        cosines = measure.similarities(weights, means, middle, cos=True).numpy()
        found = {
            ("covariance_ratio(V, M, {})", "within_between"): measure.covariance_ratio(
                within, means, middle
            ),
            ("covariance_ratio(V, M, {}, 'quotient')", "trace_ratio"): measure.covariance_ratio(
                within, means, middle, "quotient"
            ),
            ("simplex_etf_error(M, {})", "simplex_distance"): measure.simplex_etf_error(
                means, middle
            ),
            ("mean_norms(M, {}), std/mean", "equinorm"): norms.std() / norms.mean(),
            ("kernel_stats(M, {}, log_kernel)[0]", "log_distance"): kernel_stats(
                means, middle, log_kernel
            )[0],
            ("self_duality_error(W, M, {})", "structure_distance"): measure.self_duality_error(
                weights, means, middle
            ),
            ("similarities(W, M, {}, cos=True), mean", "mean_cosine"): cosines.mean(),
            ("similarities(W, M, {}, cos=True), std", "cosine_deviation"): cosines.std(),
        }
        duality = vars(getattr(own, name))
        for (theirs, number), value in found.items():
            of_classifier = theirs.startswith(("self", "similar"))
            about = duality if of_classifier else vars(getattr(ours, name))
            of = f"`{'classifier.' if of_classifier else ''}{name}.{number}`"
            yield f"`{theirs.format(shown)}`", of, value, about[number]
    value = measure.covariance_ratio(within, means, centre, "svd")
    about = ours.class_centred.within_between
    yield "`covariance_ratio(V, M, mG, 'svd')`", "`class_centred.within_between`", value, about
    value = measure.variability_cdnv(spread, means)
    about = ours.class_distance_variance
    yield "`variability_cdnv(V, M)`", "`class_distance_variance`", value, about
    yield (
        "`clf_ncc_agreement`",
        "`classifier.agreement`",
        measure.clf_ncc_agreement(decisions),
        own.agreement,
    )


def felixsh(problem: Problem) -> Iterator[Row]:
    """Yield what nc_toolbox measures, about the mean of all samples."""
    import nc_toolbox as toolbox

    rows, labels, k = problem.rows, problem.labels, problem.classes
    means = toolbox.class_embedding_means(rows, labels)
    variances = toolbox.class_embedding_variances(rows, labels, means)
    centre = toolbox.global_embedding_mean(rows)
    ours, own = problem.metrics.sample_centred, problem.classifier(bias=True)
    between, within = toolbox.nc1_weak(rows, labels, means, centre)
    counts = problem.statistics.counts
    traces = problem.statistics.within_traces * counts / (counts - 1)
    unbiased = collapse_metrics(dataclasses.replace(problem.statistics, within_traces=traces))
    mean, trace = ours.mean_cosine + 1 / (k - 1), ours.trace_ratio
    yield from [
        (
            "`nc1_strong`",
            "`sample_centred.within_between`",
            toolbox.nc1_strong(rows, labels, means, centre),
            ours.within_between,
        ),
        ("`nc1_weak`[0]", "1/(1 + `sample_centred.trace_ratio`)", between, 1 / (1 + trace)),
        ("`nc1_weak`[1]", "1 less that", within, trace / (1 + trace)),
        (
            "`nc1_cdnv`",
            "`class_distance_variance` of variances over n_c − 1",
            toolbox.nc1_cdnv(means, variances),
            unbiased.class_distance_variance,
        ),
        (
            "`nc2_equiangularity`",
            "`sample_centred.mean_cosine` + 1/(k − 1)",
            toolbox.nc2_equiangularity(means, centre),
            mean,
        ),
        (
            "`nc2_equiangularity(…, 'cov')`",
            "`sample_centred.equiangularity` over that",
            toolbox.nc2_equiangularity(means, centre, "cov"),
            ours.equiangularity / mean,
        ),
        (
            "`gnc2_hypershperical_uniformity`",
            "`sample_centred.log_distance`",
            toolbox.gnc2_hypershperical_uniformity(means, centre),
            ours.log_distance,
        ),
        (
            "`nc3_self_duality`",
            "`classifier.sample_centred.self_duality`",
            toolbox.nc3_self_duality(problem.weights, means, centre),
            own.sample_centred.self_duality,
        ),
        (
            "`nc4_classifier_agreement`",
            "`classifier.agreement`",
            toolbox.nc4_classifier_agreement(rows, problem.weights, problem.bias, means),
            own.agreement,
        ),
    ]


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = script.parse(parser, seeds=1)
    script.require("torch")
    for module, source in PEERS.items():
        if find_spec(module) is None:
            script.refuse(f"needs {module}, which is not installed: pip install {source}")
    print("| theirs | here | value | largest relative difference |")
    print("|---|---|---|---|")
    for peer, measured in (("neural-collapse", rhubarbwu), ("nc-toolbox", felixsh)):
        runs = [list(measured(Problem(seed, 32))) for seed in range(options.seeds)]
        for same in zip(*runs, strict=True):
            theirs, ours, value, _ = same[0]
            worst = max(abs(value / own - 1) for _, _, value, own in same)
            print(f"| {peer}: {theirs} | {ours} | {value:.6g} | {worst:.1e} |")


if __name__ == "__main__":
    main()
