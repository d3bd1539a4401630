"""A loss as text: it says the loss in full, and comes back as the same one."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import screlax
from screlax import losses
from screlax.errors import InvalidInputError
from screlax.losses import (
    LOSSES,
    ClassAveraged,
    InstanceMix,
    NegativesOnly,
    Prototypes,
    RowSoftmax,
    SelfSupervised,
    SoftTargets,
    SupCon,
    check_loss,
)
from screlax.problem.losses.registry import loss_of_record

LOSSES_AND_TEXTS = [
    (SupCon(), "supcon"),
    (SupCon(views=2), "supcon:views=2"),
    (SupCon(class_weights=0.3), "supcon:class_weights=0.3"),
    (SupCon(class_weights="balanced"), "supcon:class_weights=balanced"),
    (SupCon(class_weights=np.array([1, 2.5, 3])), "supcon:class_weights=[1,2.5,3]"),
    (
        SupCon(class_weights=pd.Series([1.0, 0.1], ["b", "a"])),
        'supcon:class_weights={"a":0.1,"b":1}',
    ),
    (SupCon(class_weights={0: 1, 1: 0.1}), 'supcon:class_weights={"0":1,"1":0.1}'),
    (NegativesOnly(views=3, class_weights=2), "negatives-only:class_weights=2,views=3"),
    (ClassAveraged("classes"), "class-averaged:anchors=classes"),
    (Prototypes([1, 2], loss_terms=False), "prototypes:per_class=[1,2],loss_terms=false"),
    (SoftTargets(epsilon=0.1), "soft-targets:epsilon=0.1"),
    (SoftTargets([[0.5, 0.5], [0, 1]]), "soft-targets:matrix=[[0.5,0.5],[0,1]]"),
    (
        SoftTargets({"a": {"a": 0.5, "b": 0.5}, "b": {"b": 1}}),
        'soft-targets:matrix={"a":{"a":0.5,"b":0.5},"b":{"a":0,"b":1}}',
    ),
    (InstanceMix(0.5, views=3), "instance-mix:alpha=0.5,views=3"),
    (SelfSupervised(), "self-supervised"),
    (RowSoftmax(1, [1.5, 2], 2), "row-softmax:anchor_mass=1,own_weight=[1.5,2],pair_weight=2"),
]

NEEDED = {
    "row-softmax": "needs anchor_mass, own_weight, pair_weight",
    "instance-mix": "needs alpha",
    "queue": "needs keys_per_class",
    "soft-targets": "need one of matrix, epsilon and smoothing",
}
"""What losses say that are not known by their name alone."""


@pytest.mark.parametrize(("loss", "text"), LOSSES_AND_TEXTS)
def test_text_says_the_loss_in_full(loss, text):
    assert loss.text == text
    assert check_loss(text) == loss
    assert str(check_loss(text)) == str(loss)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_name_alone_is_the_loss_or_says_what_it_needs(name):
    if name in NEEDED:
        with pytest.raises(screlax.ScrelaxError, match=NEEDED[name]):
            check_loss(name)
    else:
        assert check_loss(name).text == name


def test_what_is_shown_has_the_least_and_the_largest_of_many_numbers():
    assert str(SupCon(class_weights=range(1, 1001))) == "supcon:class_weights=1..1000"


def test_different_numbers_of_the_same_range_are_different_text():
    first, second = SupCon(class_weights=[1, 2, 4]), SupCon(class_weights=[1, 3, 4])
    assert str(first) == str(second)
    assert first.text != second.text


def test_labels_that_text_cannot_say_are_refused_when_read_back():
    for weights in ({"0": 1.0, "1": 2.0}, {("a", 1): 1.0, ("b", 2): 2.0}):
        text = SupCon(class_weights=weights).text
        with pytest.raises(screlax.ScrelaxError, match="class_weights"):
            check_loss(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nosuch", "there is no loss 'nosuch'; choose one of class-averaged"),
        ("supcon:view=2", "has no option 'view' (did you mean 'views'?); it has class_weights"),
        ("class-averaged:views=2", "has no option 'views'; it has anchors, class_weights"),
        ("supcon:views", "written option=value, got 'views'"),
        ("supcon:views=1,views=2", "option 'views' is there twice"),
        ("supcon:views=two", "views must be a whole number from 1 to 1,000,000, got 'two'"),
        ("supcon:views=0", "views must be a whole number from 1 to 1,000,000, got 0"),
        ("supcon:class_weights=[1,2", "is not valid JSON"),
        ("supcon:class_weights=[1,2]x", "separated by commas, got 'x'"),
        ('supcon:class_weights={"a":1,"a":2}', "label 'a' is there twice"),
        ("supcon:class_weights=NaN", "finite numbers of at least 0, got nan"),
        ("supcon:class_weights=[1,-2]", "finite numbers of at least 0, got -2.0"),
        ("supcon:class_weights=heavy", "must be numbers or 'balanced', got 'heavy'"),
        ("prototypes:per_class=1.5", "must be whole numbers"),
        ("prototypes:loss_terms=False", "loss_terms must be true or false, got 'False'"),
        ("class-averaged:anchors=all", "'samples' or 'classes', got 'all'"),
        ("row-softmax:anchor_mass=1", "needs own_weight, pair_weight, as own_weight=value"),
    ],
)
def test_text_that_is_no_loss_is_refused_with_the_reason(text, reason):
    with pytest.raises(screlax.ScrelaxError) as refused:
        screlax.UFM([50, 20], screlax.Sphere(1.0), loss=text)
    assert reason in str(refused.value)


def test_balanced_weights_give_every_class_the_same_mass_and_keep_the_sum():
    problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), loss="supcon:class_weights=balanced")
    same = screlax.UFM(
        [50, 20, 5], screlax.Sphere(1.0), loss=SupCon(class_weights=[25 / 50, 25 / 20, 25 / 5])
    )
    assert problem.anchors == same.anchors == 75
    values = [screlax.solve_relaxation(one).value for one in (problem, same)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


weights = st.one_of(
    st.just("balanced"),
    st.floats(0, 1e300),
    st.lists(st.floats(0, 1e6), min_size=1, max_size=5),
    st.dictionaries(st.text(min_size=1, max_size=4), st.floats(0, 1e6), min_size=1, max_size=4),
    st.dictionaries(st.integers(-5, 5), st.integers(0, 9), min_size=1, max_size=4),
)


@given(weights, st.integers(1, 9))
def test_text_comes_back_as_the_same_loss_or_is_refused(given_weights, views):
    """Labels that look like whole numbers, or like missing ones, are what text cannot say."""
    try:
        loss = SupCon(class_weights=given_weights, views=views)
    except screlax.ScrelaxError:
        return
    labels = list(given_weights) if isinstance(given_weights, dict) else []
    try:
        assert check_loss(loss.text) == loss
    except screlax.ScrelaxError:
        assert any(isinstance(label, str) for label in labels)
    json.dumps(loss.record())


@given(st.text(max_size=40) | st.builds("supcon:{}".format, st.text(max_size=40)))
@example("supcon:class_weights=" + "[" * 100_000)
@example("supcon:class_weights=" + "9" * 10_000)
@example("supcon:class_weights=[" + "9" * 10_000 + "]")
@example("supcon:views=1e999")
@example('supcon:class_weights={"a":{"b":1}}')
@example("supcon:class_weights=[[1,2],[3,4]]")
@example("supcon:class_weights=null")
def test_no_text_is_anything_but_a_loss_or_refused(text):
    try:
        loss = check_loss(text)
    except screlax.ScrelaxError as error:
        assert len(str(error)) < 2000  # noqa: PT017
    else:
        assert check_loss(loss.text) == loss


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.SupCon(views=10**300), "views must be a whole number from 1 to 1,000,000"),
        (lambda: losses.SelfSupervised(views=10**9), "views must be a whole number"),
        (lambda: losses.SupCon(class_weights=[1.0, 1e308]), "zero or from 1e-100 to 1e.100"),
        (lambda: losses.ClassAveraged(class_weights=[1.0, 1e-300]), "got 1e-300"),
        (lambda: losses.Queue([1, 1e30]), "to 1e.12, where double precision"),
        (lambda: losses.Prototypes(1e300), "to 1e.12, where double precision"),
        (lambda: losses.RowSoftmax([1, 1e200], 1, 1), "where double precision"),
        (lambda: losses.SoftTargets(epsilon=1e308), "epsilon must be a finite number .* at most"),
    ],
)
def test_numbers_whose_products_are_beyond_double_precision_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


@pytest.mark.parametrize("number", [None, -1.0, 1e308, "x"])
def test_numbers_by_class_in_a_record_are_checked(number):
    record = {"name": "queue", "keys_per_class": [2, number, 3]}
    with pytest.raises((InvalidInputError, TypeError, ValueError)):
        loss_of_record(record)
