"""What public code reports, from the metrics here: numbers that it gave for these features.

Run were rhubarbwu/neural-collapse (c05a0b8), felixsh/nc-toolbox (a527f99) and the notebook of
Papyan, Han and Donoho, neuralcollapse/neuralcollapse (7f12011), all in double precision;
benchmarks/metrics_peers.py compares at larger sizes where the first two are installed.
"""

import dataclasses
import math

import numpy as np
import pytest

from screlax.geometry import class_statistics, classifier_metrics, collapse_metrics

K, DIM = 4, 6
LABELS = np.repeat(np.arange(K), [9, 5, 3, 2])
WAVES = np.sin(0.7371 * np.outer(np.arange(1, 20) ** 2, np.arange(1, DIM + 1)))
CENTRES = np.cos(1.313 * np.outer(np.arange(1, K + 1) ** 2, np.arange(1, DIM + 1))) + 0.3
ROWS = CENTRES[LABELS] + 0.6 * WAVES
WEIGHTS = CENTRES + 0.5 * np.sin(2.71 * np.outer(np.arange(1, K + 1), np.arange(2, DIM + 2) ** 2))
BIAS = np.array([0.1, -0.2, 0.3, 0.0])

STATISTICS = class_statistics(ROWS, LABELS)
OURS = collapse_metrics(STATISTICS)
PLAIN = classifier_metrics(ROWS, LABELS, STATISTICS, WEIGHTS)
BIASED = classifier_metrics(ROWS, LABELS, STATISTICS, WEIGHTS, BIAS)


def unbiased_variances():
    counts = STATISTICS.counts
    traces = STATISTICS.within_traces * counts / (counts - 1)
    return collapse_metrics(dataclasses.replace(STATISTICS, within_traces=traces))


BESSEL = math.sqrt(K / (K - 1))
"""torch.std divides by a number less one."""

BY_CLASSES, BY_SAMPLES, PLAINLY = OURS.class_centred, OURS.sample_centred, OURS.uncentred
INTERFERENCE = BY_SAMPLES.mean_cosine + 1 / (K - 1)

NEURAL_COLLAPSE = [
    ("covariance_ratio(V, M, mG)", 0.23534904834764586, BY_CLASSES.within_between),
    ("covariance_ratio(V, M, mG, 'svd')", 0.23534904834764578, BY_CLASSES.within_between),
    ("covariance_ratio(V, M, mG, 'quotient')", 0.406357810434701, BY_CLASSES.trace_ratio),
    ("simplex_etf_error(M, mG)", 0.4420602001462177, BY_CLASSES.simplex_distance),
    ("mean_norms(M, mG), std/mean", 0.1767026719357361, BY_CLASSES.equinorm),
    ("kernel_stats(M, mG, log_kernel)[0]", -0.47701409215713175, BY_CLASSES.log_distance),
    ("self_duality_error(W, M, mG)", 0.6129374913495066, PLAIN.class_centred.structure_distance),
    ("similarities(W, M, mG, cos), mean", 0.7008755936483178, PLAIN.class_centred.mean_cosine),
    ("similarities(W, M, mG, cos), std", 0.11955938988023099, PLAIN.class_centred.cosine_deviation),
    ("covariance_ratio(V, M, mean)", 0.2273743259276464, BY_SAMPLES.within_between),
    ("covariance_ratio(V, M, mean, 'quotient')", 0.3514487784130485, BY_SAMPLES.trace_ratio),
    ("simplex_etf_error(M, mean)", 0.7064122979576939, BY_SAMPLES.simplex_distance),
    ("mean_norms(M, mean), std/mean", 0.3239407251381101, BY_SAMPLES.equinorm),
    ("self_duality_error(W, M, mean)", 0.6677683653407083, PLAIN.sample_centred.structure_distance),
    ("covariance_ratio(V, M, 0)", 0.35264897879749546, PLAINLY.within_between),
    ("covariance_ratio(V, M, 0, 'quotient')", 0.23121140426721826, PLAINLY.trace_ratio),
    ("simplex_etf_error(M, 0)", 0.9449894995822943, PLAINLY.simplex_distance),
    ("mean_norms(M, 0), std/mean", 0.1271632210213419, PLAINLY.equinorm),
    ("kernel_stats(M, 0, log_kernel)[0]", -0.18044770021458414, PLAINLY.log_distance),
    ("self_duality_error(W, M, 0)", 0.9990639070426859, PLAIN.uncentred.structure_distance),
    ("similarities(W, M, 0, cos), mean", 0.9071278800959872, PLAIN.uncentred.mean_cosine),
    ("variability_cdnv(V, M)", 0.1533895886323702, OURS.class_distance_variance),
    ("clf_ncc_agreement", 0.7368421052631579, PLAIN.agreement),
]
NC_TOOLBOX = [
    ("nc1_strong", 0.22737432592764648, BY_SAMPLES.within_between),
    ("nc1_weak[0]", 0.7399466527871367, 1 / (1 + BY_SAMPLES.trace_ratio)),
    ("nc1_cdnv", 0.20553058848778857, unbiased_variances().class_distance_variance),
    ("nc2_equiangularity", 0.06999902156349296, INTERFERENCE),
    ("nc2_equiangularity(cov)", 5.559020602283711, BY_SAMPLES.equiangularity / INTERFERENCE),
    ("gnc2_hypershperical_uniformity", -0.43761089152664495, BY_SAMPLES.log_distance),
    ("nc3_self_duality", 0.9258630578476965, BIASED.sample_centred.self_duality),
    ("nc4_classifier_agreement", 0.8947368421052632, BIASED.agreement),
]
NOTEBOOK = [
    ("Sw_invSb", 0.9413961933905826, BY_CLASSES.within_between_sum),
    ("norm_M_CoV", 0.20403867041724674, BESSEL * BY_CLASSES.equinorm),
    ("norm_W_CoV", 0.22258657173750937, BESSEL * BIASED.frame.equinorm),
    ("cos_M", 0.21476130389227452, BY_CLASSES.maximal_angle),
    ("cos_W", 0.5723514698926894, BIASED.frame.maximal_angle),
    ("W_M_dist", 0.683309117313409, BIASED.class_centred.self_duality**2),
    ("NCC_mismatch", 0.10526315789473684, 1 - BIASED.agreement),
    ("accuracy", 0.9473684210526315, BIASED.accuracy),
]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [pytest.param(value, ours, id=name)
     for name, value, ours in (*NEURAL_COLLAPSE, *NC_TOOLBOX, *NOTEBOOK)],
)  # fmt: skip
def test_numbers_of_public_code(theirs, ours):
    assert ours == pytest.approx(theirs, rel=1e-12)
