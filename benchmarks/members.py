"""Losses of the family for embeddings: their time relative to SupCon's, and public code's values.

    python benchmarks/members.py [--quick] [--samples 4096] [--repeats 9] [--public FOLDER]

Times are processor times of one thread, the least of calls that take turns, relative to SupCon's,
with 10 and with 100 classes, the larger of the two. FOLDER has public code as it is: losses.py of
SupContrast, contrastive.py of Balanced-Contrastive-Learning, simclr.py and mocov2plus.py of
solo-learn (solo/losses). Values and gradients are compared in double precision on 48 samples of two
views. Needs torch and pytorch-metric-learning, which screlax itself never imports.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import script

from screlax import contrastive_loss, contrastive_loss_and_grad, losses
from screlax.bench.provenance import provenance_line

FEATURES, TAU = 128, 0.1

Found = tuple[str, str, float, float | None]
"""Whose code, which, and how far value and gradient are from ours, relatively."""


def members(classes: int) -> dict[str, Any]:
    """Return the losses that are timed."""
    return {
        "supcon": losses.SupCon(),
        "supcon, class weights": losses.SupCon(class_weights="balanced"),
        "negatives-only": losses.NegativesOnly(),
        "class-averaged": losses.ClassAveraged(),
        "class-averaged:anchors=classes": losses.ClassAveraged(anchors="classes"),
        "prototypes": losses.Prototypes(),
        "soft-targets:epsilon=0.1": losses.SoftTargets(epsilon=0.1),
        "row-softmax": losses.RowSoftmax(1, 2, 1 + np.arange(classes)),
        "instance-mix:alpha=0.1": losses.InstanceMix(0.1),
        "self-supervised": losses.SelfSupervised(),
    }


def shaped(loss: Any, rows: Any, labels: Any) -> tuple[Any, Any]:
    """Return embeddings and labels of as many rows, as views where the loss has them."""
    if loss.view_count == 1:
        return rows, labels
    return rows.reshape(-1, 2, rows.shape[1]), labels[::2]


def times(samples: int, repeats: int, dtype: Any, classes: int) -> dict[str, tuple[float, float]]:
    """Return the processor time of loss, and of loss and gradient, of every member."""
    rng = np.random.default_rng(0)
    rows = unit(rng, samples, FEATURES).astype(dtype)
    labels = rng.permutation(np.arange(samples) % classes)
    least = {name: [np.inf, np.inf] for name in members(classes)}
    calls: tuple[Callable[..., object], ...] = (contrastive_loss, contrastive_loss_and_grad)
    for _ in range(repeats):
        for name, loss in members(classes).items():
            given = shaped(loss, rows, labels)
            for place, call in enumerate(calls):
                start = time.process_time()
                call(*given, loss=loss, temperature=TAU, n_jobs=1)
                least[name][place] = min(least[name][place], time.process_time() - start)
    return {name: (a, b) for name, (a, b) in least.items()}


def unit(rng: np.random.Generator, *shape: int) -> Any:
    """Return random unit vectors."""
    rows = rng.standard_normal(shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def loaded(folder: Path, name: str) -> Any:
    """Return a module of public code; solo-learn's of one process."""
    alone = types.ModuleType("solo.utils.misc")
    alone.gather, alone.get_rank = lambda rows: rows, lambda: 0  # type: ignore[attr-defined]
    sys.modules.update({"solo": alone, "solo.utils": alone, "solo.utils.misc": alone})
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gaps(theirs: Callable[[Any], Any], at: Any, ours: Any, gradient: Any) -> tuple[float, float]:
    """Return the relative differences of values and gradients."""
    import torch

    given = torch.tensor(at, requires_grad=True)
    value = theirs(given)
    value.backward()
    found = given.grad.numpy()
    return (
        abs(ours / float(value.detach()) - 1),
        float(np.linalg.norm(found - gradient) / np.linalg.norm(found)),
    )


class Data:
    """48 samples of two views in six unequal classes, a queue, and centres."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.views = unit(rng, 48, 2, 16)
        self.labels = (rng.uniform(size=48) ** 2 * 6).astype(int)
        self.labels[:6] = np.arange(6)
        self.keys, self.of_keys = unit(rng, 30, 16), rng.integers(0, 6, 30)
        self.centres = unit(rng, 6, 16)


def metric_learning(data: Data) -> Iterator[Found]:
    """Compare with pytorch-metric-learning."""
    import torch
    from pytorch_metric_learning import losses as theirs

    name = f"pytorch-metric-learning {metadata.version('pytorch-metric-learning')}"
    rows, y = data.views[:, 0], torch.tensor(data.labels)
    peer = theirs.SupConLoss(temperature=TAU)
    ours = contrastive_loss_and_grad(rows * 2, data.labels, normalize=True)
    yield name, "SupConLoss", *gaps(lambda x: peer(x, y), rows * 2, ours.loss, ours.gradient)
    memory = {"ref_emb": torch.tensor(data.keys), "ref_labels": torch.tensor(data.of_keys)}
    queue = {"keys": data.keys, "key_labels": data.of_keys, "contrast_with": "keys"}
    ours = contrastive_loss_and_grad(rows, data.labels, normalize=True, **queue)
    found = gaps(lambda x: peer(x, y, **memory), rows, ours.loss, ours.gradient)
    yield name, "SupConLoss, reference set", *found
    peer = theirs.SelfSupervisedLoss(theirs.NTXentLoss(temperature=TAU))
    ours = contrastive_loss_and_grad(data.views, loss="self-supervised", normalize=True)
    found = gaps(lambda x: peer(x[:, 0], x[:, 1]), data.views, ours.loss, ours.gradient)
    yield name, "NTXentLoss", *found


def supcontrast(data: Data, folder: Path) -> Iterator[Found]:
    """Compare with SupContrast."""
    import torch

    kind, y = loaded(folder, "losses").SupConLoss, torch.tensor(data.labels)
    for mode in ("all", "one"):
        peer = kind(TAU, mode, 0.07)
        options: dict[str, Any] = {
            "loss": "supcon:views=2",
            "contrast_mode": mode,
            "base_temperature": 0.07,
        }
        ours = contrastive_loss_and_grad(data.views, data.labels, **options)
        found = gaps(partial(peer, labels=y), data.views, ours.loss, ours.gradient)
        yield "SupContrast", f"SupConLoss, {mode}", *found


def balanced(data: Data, folder: Path) -> Iterator[Found]:
    """Compare with Balanced-Contrastive-Learning."""
    import torch

    peer, y = loaded(folder, "contrastive").BalSCL([1] * 6, TAU), torch.tensor(data.labels)
    centres, views = torch.tensor(data.centres), torch.tensor(data.views)
    queue = {"keys": data.centres, "key_labels": np.arange(6), "contrast_mode": "all"}
    ours = contrastive_loss_and_grad(data.views, data.labels, loss="class-averaged", **queue)
    name, kind = "Balanced-Contrastive-Learning", "BalSCL"
    yield name, kind, *gaps(lambda x: peer(centres, x, y), data.views, ours.loss, ours.gradient)
    found = gaps(lambda x: peer(x, views, y), data.centres, ours.loss, ours.keys)
    yield name, f"{kind}, by its centres", *found


def solo_learn(data: Data, folder: Path) -> Iterator[Found]:
    """Compare with solo-learn."""
    import torch

    peer, ids = loaded(folder, "simclr").simclr_loss_func, torch.arange(48).repeat(2)
    ours = contrastive_loss_and_grad(data.views, loss="self-supervised", normalize=True)
    found = gaps(
        lambda x: peer(torch.cat([x[:, 0], x[:, 1]]), ids, TAU),
        data.views,
        ours.loss,
        ours.gradient,
    )
    yield "solo-learn", "simclr_loss_func", *found
    queries, own = data.views[:, 0], data.views[:, 1]
    each = [
        contrastive_loss(
            query[None],
            [0],
            keys=np.concatenate([key[None], data.keys]),
            key_labels=[0] + [1] * len(data.keys),
            contrast_with="keys",
        )
        for query, key in zip(queries, own, strict=True)
    ]
    arrays = (queries.copy(), own.copy(), data.keys.T.copy())
    value = loaded(folder, "mocov2plus").mocov2plus_loss_func(*map(torch.tensor, arrays), TAU)
    gap = abs(float(np.mean(np.asarray(each))) / float(value) - 1)
    yield "solo-learn", "mocov2plus_loss_func, query by query", gap, None


def main() -> None:
    """Print both tables."""
    parser = script.make_parser(__doc__)
    parser.add_argument("--samples", type=int, default=4096, metavar="N")
    parser.add_argument("--repeats", type=int, default=9, metavar="R")
    parser.add_argument("--public", type=Path, metavar="FOLDER", help="files of public code")
    options = script.parse(parser, samples=400, repeats=1)
    script.require("torch", "pytorch_metric_learning")
    import torch

    torch.set_default_dtype(torch.float64)
    print(provenance_line())
    print("\n| loss | float32: loss | with gradient | float64: loss | with gradient |")
    print("|---|---|---|---|---|")
    found = [
        [times(options.samples, options.repeats, dtype, classes) for classes in (10, 100)]
        for dtype in ("f4", "f8")
    ]
    for name in list(found[0][0])[1:]:
        cells = [
            f"{max(of[name][place] / of['supcon'][place] for of in both):.2f}"
            for both in found
            for place in (0, 1)
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print("\n| public code | what | value | gradient |\n|---|---|---|---|")
    data = Data()
    rows: list[Found] = []
    rows += metric_learning(data)
    if options.public is not None:
        for compare in (supcontrast, balanced, solo_learn):
            rows += compare(data, options.public)
    for whose, what, value, gradient in rows:
        print(
            f"| {whose} | {what} | {value:.1e} | {'' if gradient is None else f'{gradient:.1e}'} |"
        )


if __name__ == "__main__":
    main()
