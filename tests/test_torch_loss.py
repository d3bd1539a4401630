"""The losses in torch: values and gradients are those of the arrays' functions, and of torch."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError, SolverCapabilityError

torch = pytest.importorskip("torch", reason="needs torch: pip install 'screlax[torch]'")
trained = screlax.torch

LOSSES = ["supcon", "negatives-only", "class-averaged", "prototypes", "soft-targets:epsilon=0.1"]


def data(n=9, dim=4, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, dim, dtype=torch.float64, generator=generator).to(dtype)
    return rows.requires_grad_(), torch.arange(n) % 3


def dense(rows, labels, temperature):
    """SupCon in torch alone, with autograd."""
    logits = rows @ rows.T / temperature
    others = ~torch.eye(len(rows), dtype=torch.bool)
    same = (labels[:, None] == labels[None, :]) & others
    normalizer = torch.logsumexp(logits.masked_fill(~others, -torch.inf), 1)
    return (normalizer - (logits * same).sum(1) / same.sum(1)).mean()


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss, normalize):
    rows, labels = data()
    tau = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def value(rows, tau):
        return trained.contrastive_loss(
            rows, labels, loss=loss, temperature=tau, normalize=normalize
        )

    assert torch.autograd.gradcheck(value, (rows, tau))


def test_gradients_by_keys_and_by_a_base_temperature():
    rows, labels = data()
    keys, _ = data(5, seed=1)
    tau = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def value(rows, keys, tau):
        return trained.contrastive_loss(
            rows,
            labels,
            keys=keys,
            key_labels=[0, 1, 2, 3, 3],
            temperature=tau,
            reduction="sum",
            base_temperature=0.1,
        )

    assert torch.autograd.gradcheck(value, (rows, keys, tau))


def test_every_item_of_a_batch_has_its_own_factor():
    rows = data(18)[0].detach().reshape(3, 6, 4).requires_grad_()
    tau = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def value(rows, tau):
        return trained.contrastive_loss(rows, [0, 0, 1, 1, 2, 2], temperature=tau)

    assert value(rows, tau).shape == (3,)
    assert torch.autograd.gradcheck(value, (rows, tau))


def test_labels_of_items_may_be_a_list_of_tensors():
    rows = data(12)[0].detach().reshape(2, 6, 4)
    labels = torch.tensor([[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]])
    found = trained.contrastive_loss(rows, list(labels))
    assert torch.equal(found, trained.contrastive_loss(rows, labels))
    assert found[0] == trained.contrastive_loss(rows[0], labels[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_the_loss_that_torch_differentiates(dtype):
    rows, labels = data(40, dtype=dtype)
    value = trained.contrastive_loss(rows, labels, temperature=0.5)
    value.backward()
    double = rows.detach().double().requires_grad_()
    expected = dense(double, labels, 0.5)
    expected.backward()
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 1e-2}[dtype]
    assert value.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    assert rows.grad.dtype == dtype
    assert value.item() == pytest.approx(expected.item(), rel=tolerance)
    largest = double.grad.abs().max()
    assert (rows.grad.double() - double.grad).abs().max() <= tolerance * largest


def test_through_a_network_and_with_a_factor():
    rows, labels = data()
    (3 * trained.contrastive_loss(2 * rows, labels)).backward()
    found = screlax.contrastive_loss_and_grad(2 * rows.detach().numpy(), labels.numpy())
    np.testing.assert_allclose(rows.grad.numpy(), 6 * found.gradient, rtol=1e-12)


def test_twice_through_a_kept_graph():
    rows, labels = data()
    value = trained.contrastive_loss(rows, labels)
    value.backward(retain_graph=True)
    first = rows.grad.clone()
    value.backward()
    torch.testing.assert_close(rows.grad, 2 * first)


def test_no_gradient_is_computed_where_none_is_wanted(monkeypatch):
    rows, labels = data()
    expected = screlax.contrastive_loss(rows, labels)
    monkeypatch.setattr("screlax.training.contrastive.contrastive_loss_and_grad", None)
    assert trained.contrastive_loss(rows.detach(), labels).item() == expected
    with torch.no_grad():
        each = trained.contrastive_loss(rows, labels, reduction="none")
    assert each.shape == (9,)
    assert not each.requires_grad


def test_the_module_learns_its_temperature_and_comes_back_from_a_checkpoint():
    criterion = trained.ContrastiveLoss(temperature=torch.nn.Parameter(torch.tensor(0.5)))
    rows, labels = data(dtype=torch.float32)
    optimizer = torch.optim.SGD(criterion.parameters(), lr=0.1)
    criterion(rows, labels).backward()
    optimizer.step()
    found = screlax.contrastive_loss_and_grad(rows, labels, temperature=0.5)
    assert criterion.temperature.item() == pytest.approx(0.5 - 0.1 * found.temperature, rel=1e-6)
    again = trained.ContrastiveLoss(temperature=torch.nn.Parameter(torch.tensor(0.5)))
    again.load_state_dict(criterion.state_dict())
    assert again(rows, labels) == criterion(rows, labels)
    assert str(again).startswith("ContrastiveLoss(supcon, temperature=1.26")


def test_views_and_options_of_the_module():
    rows = data(12)[0].detach().reshape(6, 2, 4)
    criterion = trained.ContrastiveLoss("supcon:views=2", temperature=0.3, mean_over="all")
    expected = screlax.contrastive_loss(
        rows.numpy(), [0, 0, 1, 1, 2, 3], loss="supcon:views=2", temperature=0.3, mean_over="all"
    )
    assert criterion(rows, [0, 0, 1, 1, 2, 3]).item() == pytest.approx(expected, rel=1e-12)


def test_a_second_derivative_is_refused_and_a_graph_of_the_first_is_not():
    rows, labels = data()
    value = trained.contrastive_loss(rows, labels)
    (slope,) = torch.autograd.grad(value, rows, create_graph=True)
    found = screlax.contrastive_loss_and_grad(rows, labels)
    np.testing.assert_allclose(slope.detach().numpy(), found.gradient, rtol=1e-12)
    with pytest.raises(SolverCapabilityError, match="first derivatives only"):
        slope.square().sum().backward()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.eye(3)}, "must be a torch tensor"),
        ({"embeddings": torch.empty(9, 4, device="meta")}, "on meta.*computed on the CPU"),
        ({"embeddings": torch.eye(9).to_sparse()}, "must be dense"),
        ({"embeddings": torch.eye(9) + 0j}, "must be real, got torch.complex64"),
        ({"keys": torch.empty(2, 4, device="meta"), "key_labels": [0, 1]}, "keys are on meta"),
        ({"reduction": "none"}, "has no gradient"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": torch.ones(2)}, "temperature"),
        ({"labels": [0, 1]}, "labels"),
        (
            {"labels": None, "soft_labels": torch.ones(9, 2, requires_grad=True)},
            r"soft_labels.detach\(\)",
        ),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    rows, labels = data()
    arguments = {"embeddings": rows, "labels": labels} | change
    with pytest.raises(InvalidInputError, match=message):
        trained.contrastive_loss(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"loss": "nothing"}, "nothing"),
        ({"loss": "supcon in shuffle:size=64"}, "a training step has one batch: take supcon"),
        ({"reduction": "median"}, "median"),
        ({"base_temp": 0.1}, "no option 'base_temp'.*did you mean 'base_temperature'"),
        ({"class_weights": "balanced"}, "loss's own"),
    ],
)
def test_a_module_refuses_before_the_first_batch(options, message):
    with pytest.raises(InvalidInputError, match=message):
        trained.ContrastiveLoss(**options)


@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.vmap])
def test_transforms_are_refused(transform):
    rows, labels = data(n=3, dim=2)
    of = transform(lambda rows: trained.contrastive_loss(rows, labels))
    with pytest.raises(SolverCapabilityError, match=r"torch\.func"):
        of(rows.detach().expand(2, 3, 2) if transform is torch.func.vmap else rows.detach())


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own, of its tracer
def test_compilation_leaves_the_losses_as_they_are():
    solution = screlax.solve_relaxation([3, 3, 3], screlax.Sphere(1.0))
    loss, penalty = trained.ContrastiveLoss(normalize=True), trained.GramPenalty(solution)
    rows, labels = data()

    def step(rows):
        return 2 * loss(rows.sin(), labels) + penalty(rows, labels)

    def slope(function):
        (found,) = torch.autograd.grad(function(rows), rows)
        return found

    torch.testing.assert_close(slope(torch.compile(step, backend="eager")), slope(step))
    alone = torch.compile(trained.contrastive_loss, backend="eager")
    assert alone(rows, labels) == trained.contrastive_loss(rows, labels)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mean_over": "all"},
        {"reduction": "sum", "loss": screlax.losses.SupCon(class_weights={0: 1, 1: 2, 2: 3})},
        {"loss": "supcon:views=2"},
        {"loss": "negatives-only"},
    ],
)
def test_the_problem_of_a_training_has_its_mean_over_all_batches(options):
    sizes, size = [4, 2, 1], 3
    loss = trained.ContrastiveLoss(temperature=0.4, normalize=True, **options)
    solution = screlax.solve_relaxation(
        loss.problem(sizes, batches=screlax.batches.RandomBatches(size, drop_last=True))
    )
    rows = torch.from_numpy(solution.prototypes().repeat(sizes, axis=0))
    labels = np.repeat(range(3), sizes)
    if loss.loss.view_count > 1:
        rows = rows[:, None].expand(-1, 2, -1)
    drawn = [list(some) for some in itertools.combinations(range(7), size)]
    mean = np.mean([loss(rows[some], labels[some]).item() for some in drawn])
    expected = solution.mean_value * (size if options.get("reduction") == "sum" else 1)
    assert mean == pytest.approx(expected, rel=1e-9)


def test_features_that_are_not_normalised_have_the_control_that_is_given():
    problem = trained.ContrastiveLoss(temperature=0.4).problem([5, 5], control=screlax.Ridge(0.1))
    assert (problem.control, problem.temperature) == (screlax.Ridge(0.1), 0.4)


@pytest.mark.parametrize(
    ("options", "wanted", "message"),
    [
        ({"normalize": False}, {}, "need a control: Ridge"),
        ({}, {"control": screlax.Ridge(0.1)}, "leave the control out"),
        ({"contrast_with": "keys"}, {}, "no problem is known.*contrast_with='keys'"),
        ({"loss": "supcon:class_weights=balanced"}, {"batches": "shuffle:size=4"}, "of each batch"),
        (
            {"loss": screlax.losses.SupCon(class_weights={0: 1, 1: 2})},
            {"batches": "shuffle:size=4"},
            "weighted mean.*reduction='sum'",
        ),
        ({"mean_over": "all"}, {"batches": "poisson:rate=0.5"}, "differ in size.*'anchors'"),
    ],
)
def test_a_training_without_a_problem_is_refused(options, wanted, message):
    loss = trained.ContrastiveLoss(**({"normalize": True} | options))
    with pytest.raises(InvalidInputError, match=message):
        loss.problem([5, 5], **wanted)


def test_torch_is_loaded_when_asked_for_and_its_absence_named(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import screlax\n"
        "screlax.geometry, screlax.losses\n"
        "assert 'torch' not in sys.modules\n"
        "try:\n    screlax.torch\n"
        "except screlax.errors.MissingExtraError as error:\n    print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'screlax[torch]'" in shown.stdout
