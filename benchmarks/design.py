"""A network trained with a designed loss against one trained with the loss as it was.

scikit-learn's digits with a long tail, a small ReLU network with normalised features, and every
loss and sampler that `screlax.design` came to: how far the class means end from the target (a
simplex ETF) and from the certified optimum of the loss itself, and how well classes are told apart
on a balanced test set, by the nearest class mean and by a linear probe on the features. Run it as
`python benchmarks/design.py` (extra `torch`); one thread.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from script import make_parser, parse, require

require("torch", "sklearn")

import torch  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import screlax  # noqa: E402
from screlax.geometry import gram_distance  # noqa: E402
from screlax.io.tables import markdown_lines  # noqa: E402

CLASSES, LARGEST, IMBALANCE, TESTED = 10, 120, 40, 50
HIDDEN, FEATURES = 256, 32
TEMPERATURE, BATCH = 0.2, 64
LEARNING_RATE = 5e-3
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Images of a long tail to train on, and as many of each class to test on."""

    images: Tensor
    labels: Labels
    test_images: Tensor
    test_labels: Labels


def long_tail(sizes: NDArray[np.int64], seed: int) -> Split:
    """Draw a split of scikit-learn's digits."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor((pixels / 16 - (pixels / 16).mean()).astype(np.float32))
    rng, train, test = np.random.default_rng(seed), [], []
    for number, size in enumerate(sizes):
        chosen = rng.permutation(np.flatnonzero(labels == number))
        train.append(chosen[:size])
        test.append(chosen[-TESTED:])
    rows, others = np.concatenate(train), np.concatenate(test)
    return Split(images[rows], labels[rows], images[others], labels[others])


class Loss:
    """A loss of the family over samples, and prototypes that are one learned vector a class.

    An item stands for one embedding, or for all prototypes of a class; o_c and u_c are spread
    evenly over the embeddings of a class, and so are anchors.
    """

    def __init__(self, problem: screlax.UFM, labels: Labels) -> None:
        orbit = problem.class_sizes.orbit_index()
        terms = problem.loss.of_all_samples.class_terms(problem.class_sizes)
        assert terms is not None
        terms = terms.take(orbit)
        prototypes = np.asarray(problem.points) - np.asarray(problem.class_sizes)
        self.prototyped = np.flatnonzero(prototypes)
        items = np.concatenate([labels, self.prototyped])
        copies = np.concatenate([np.ones(len(labels)), prototypes[self.prototyped]])
        every = np.bincount(items, copies, minlength=len(orbit))
        same = items[:, None] == items[None, :]
        others = copies[None, :] - np.eye(len(items))  # beside the anchor itself
        own, pair = terms.own / np.maximum(terms.embeddings - 1, 1), terms.pair / terms.embeddings
        weights = np.where(same, own[items][:, None], pair[items][None, :]) * others
        targets = np.where(same, others, 0.0) / np.maximum(every - 1, 1)[items][:, None]
        mass = (terms.anchors / terms.embeddings)[items] * copies
        anchors = mass * (every > 1)[items] / mass.sum()  # without a positive a loss of zero
        with np.errstate(divide="ignore"):
            self._parts = [torch.tensor(p).float() for p in (np.log(weights), targets, anchors)]

    def __call__(self, features: Tensor) -> Tensor:
        """Return the mean over anchors, with and without a positive."""
        log_weights, targets, anchors = self._parts
        logits = features @ features.T / TEMPERATURE
        rows = torch.logsumexp(logits + log_weights, 1) - (targets * logits).sum(1)
        return (anchors * rows).sum()


def batches(problem: screlax.UFM, labels: Labels, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the samples of one step after another, as the sampler of a problem draws them."""
    rng, everything = np.random.default_rng(seed), np.arange(len(labels))
    while True:
        if problem.batches is None:
            yield everything
        elif problem.batches.name == "shuffle":
            order = rng.permutation(everything)
            yield from np.split(order, range(BATCH, len(order), BATCH))
        else:
            share = 1 / np.bincount(labels)[labels]
            yield rng.choice(everything, BATCH, p=share / share.sum())


def trained(problem: screlax.UFM, split: Split, steps: int, seed: int) -> nn.Module:
    """Train a network by Adam, the step size rising at first and falling at last."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(split.images.shape[1], HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, FEATURES),
    )
    prototypes = nn.Parameter(torch.randn(CLASSES, FEATURES))
    optimizer = torch.optim.Adam([*network.parameters(), prototypes], LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step_size(step / steps))
    drawn = batches(problem, split.labels, seed)
    loss = Loss(problem, split.labels)
    for _ in range(steps):
        rows = next(drawn)
        loss = loss if problem.batches is None else Loss(problem, split.labels[rows])
        features = functional.normalize(network(split.images[rows]))
        centres = functional.normalize(prototypes[loss.prototyped])
        optimizer.zero_grad()
        loss(torch.cat([features, centres])).backward()
        optimizer.step()
        schedule.step()
    return network


def step_size(share: float) -> float:
    """Return the factor of the step size after a share of all steps."""
    return min(1.0, share / 0.02 + 1e-3) * (1 + math.cos(math.pi * max(0.0, share - 0.6) / 0.4)) / 2


def features_of(network: nn.Module, images: Tensor) -> NDArray[np.float64]:
    """Return normalised features."""
    with torch.no_grad():
        rows: NDArray[np.float64] = functional.normalize(network(images).double()).numpy()
    return rows


def balanced_accuracy(found: Labels, labels: Labels) -> float:
    """Return the mean over classes of the share that is right."""
    return float(np.mean([(found[labels == c] == c).mean() for c in range(CLASSES)]))


def measured(problem: screlax.UFM, wanted: NDArray[np.float64], split: Split, network: nn.Module):
    """Return both distances and both accuracies of a trained network."""
    features, tested = (
        features_of(network, images) for images in (split.images, split.test_images)
    )
    means = np.stack([features[split.labels == c].mean(axis=0) for c in range(CLASSES)])
    gram, optimum = means @ means.T, screlax.solve_relaxation(problem).class_gram
    directions = means / np.linalg.norm(means, axis=1, keepdims=True)
    probe = LogisticRegression(max_iter=2000).fit(features, split.labels)
    return (
        gram_distance(gram, wanted),
        gram_distance(gram, optimum),
        balanced_accuracy((tested @ directions.T).argmax(axis=1), split.test_labels),
        balanced_accuracy(probe.predict(tested), split.test_labels),
    )


def recipes(sizes: NDArray[np.int64]) -> Iterator[tuple[str, screlax.UFM, float]]:
    """Yield every problem to train on, with its distance to the target, from two designs."""
    sphere, knobs = screlax.Sphere(1.0), ("class_weights", "prototypes", "loss")
    found = screlax.design(sizes, sphere, TEMPERATURE, knobs=knobs)
    yield "all samples, as given", found.before.problem, found.distance_before
    for step in found.steps[:-1]:
        yield f"all samples, {step.name.replace('_', ' ')}", step.solution.problem, step.distance
    drawn = screlax.design(
        sizes, sphere, TEMPERATURE, knobs="sampler", batches=f"shuffle:size={BATCH}"
    )
    yield f"batches of {BATCH}, shuffled", drawn.before.problem, drawn.distance_before
    balanced = next(one for one in drawn.alternatives if one.text.startswith("weighted"))
    assert balanced.solution is not None
    assert balanced.distance is not None
    yield f"batches of {BATCH}, weighted", balanced.solution.problem, balanced.distance


def spread(values: list[float], factor: float = 1.0, digits: int = 3) -> str:
    """Return mean ± standard deviation."""
    numbers = factor * np.array(values)
    deviation = numbers.std(ddof=1) if len(values) > 1 else 0.0
    return f"{numbers.mean():.{digits}f} ± {deviation:.{digits}f}"


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="networks for each loss (3)")
    parser.add_argument("--steps", type=int, default=1000, help="of training (1000)")
    options = parse(parser, seeds=1, steps=20)
    torch.set_num_threads(1)
    sizes = screlax.exponential(CLASSES, LARGEST, IMBALANCE)
    wanted, rows, started = np.eye(CLASSES) - 1 / CLASSES, [], time.process_time()
    for name, problem, predicted in recipes(sizes):
        columns = []
        for seed in range(options.seeds):
            split = long_tail(sizes, seed)
            network = trained(problem, split, options.steps, seed)
            columns.append(measured(problem, wanted, split, network))
        target, own, nearest, probe = (list(column) for column in zip(*columns, strict=True))
        texts = [spread(target), spread(own), spread(nearest, 100, 1), spread(probe, 100, 1)]
        rows.append(
            [name, str(problem.loss), f"{0.0 if predicted < 1e-9 else predicted:.3f}", *texts]
        )
        print(f"{name}: {', '.join(texts)}", file=sys.stderr, flush=True)
    headers = ["trained with", "loss", "optimum from ETF", "network from ETF", "from its optimum",
               "nearest mean, %", "linear probe, %"]  # fmt: skip
    print(
        f"class sizes {', '.join(map(str, sizes))}; {options.seeds} seeds, {options.steps} steps,"
    )
    print(f"{time.process_time() - started:.0f} s of processor time\n")
    print("\n".join(markdown_lines(headers, rows)))


if __name__ == "__main__":
    main()
