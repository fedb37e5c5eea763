"""The check of an exercise: its three answers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import d2lutils as d2l

CASES = [((torch.ones(2),), torch.full((2,), 0.5)), ((3.0,), 1.5)]


def test_right():
    verdict = d2l.check(lambda X: X / 2, CASES)
    assert verdict
    assert repr(verdict) == "Right: <lambda> passes 2 cases."


@pytest.mark.parametrize("nothing", [None, ...])
def test_not_attempted(nothing):
    def halve(X):
        return nothing

    verdict = d2l.check(halve, CASES)
    assert not verdict
    assert repr(verdict).startswith("Not attempted yet: halve")


def test_not_implemented_is_not_attempted():
    def halve(X):
        raise NotImplementedError

    assert repr(d2l.check(halve, CASES)).startswith("Not attempted yet")


def test_the_first_failing_case_is_shown():
    verdict = d2l.check(lambda X: torch.as_tensor(X) * 0 + 0.5, CASES)
    assert not verdict
    assert "<lambda>(3.0)" in verdict.message
    assert "expected 1.5" in verdict.message
    assert "got      tensor(0.5000)" in verdict.message


def test_a_wrong_shape_is_wrong():
    verdict = d2l.check(lambda X: torch.full((2, 1), 0.5), CASES)
    assert not verdict
    assert "shape" in verdict.message


def test_an_error_is_shown():
    verdict = d2l.check(lambda X: 1 / 0, CASES)
    assert not verdict
    assert "raised ZeroDivisionError: division by zero" in verdict.message


def test_strings_lists_and_dictionaries():
    for value in ("word", [1, "a"], {"a": torch.ones(1)}, (True, 2.0)):
        assert d2l.check(lambda value=value: value, [((), value)])
        assert not d2l.check(lambda: "another", [((), value)])


@given(
    expected=st.floats(-1e6, 1e6),
    error=st.floats(-1, 1).filter(lambda e: abs(e) > 1e-2),
)
def test_only_near_numbers_are_right(expected, error):
    cases = [((), expected)]
    assert d2l.check(lambda: expected, cases)
    assert not d2l.check(lambda: expected + error * max(1, abs(expected)), cases)


def test_an_integer_result_is_accepted_for_an_equal_float():
    assert d2l.check(lambda: torch.tensor(2), [((), 2)])


def test_large_tensors_are_shown_by_shape():
    cases = [((torch.zeros(100),), torch.zeros(100))]
    assert (
        "<float32 tensor of shape (100,)>" in d2l.check(lambda X: X + 1, cases).message
    )


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="attempt: expected a function"):
        d2l.check(3, CASES)
    with pytest.raises(ValueError, match="cases"):
        d2l.check(abs, [])


SCALARS = [2, 2.0, np.float32(2), np.int64(2), torch.tensor(2), torch.tensor(2.0)]


@pytest.mark.parametrize("expected", SCALARS, ids=repr)
@pytest.mark.parametrize("got", SCALARS, ids=repr)
def test_scalars_of_any_kind_count_by_their_value(expected, got):
    assert d2l.check(lambda: got, [((), expected)])
    assert not d2l.check(lambda: got + 1, [((), expected)])


SEQUENCES = [
    [1.0, 2.0],
    (1, 2),
    np.array([1.0, 2.0]),
    torch.tensor([1, 2]),
    [torch.tensor(1.0), torch.tensor(2.0)],
    torch.tensor([1.0, 2.0], requires_grad=True),
    torch.tensor([1.0, 2.0], dtype=torch.float64),
]


@pytest.mark.parametrize("expected", SEQUENCES, ids=repr)
@pytest.mark.parametrize("got", SEQUENCES, ids=repr)
def test_sequences_of_any_kind_count_by_their_values(expected, got):
    assert d2l.check(lambda: got, [((), expected)])
    assert not d2l.check(lambda: list(got)[::-1], [((), expected)])
    assert not d2l.check(lambda: [*list(got), 3.0], [((), expected)])


def test_nested_results_are_compared_throughout():
    expected = {"loss": 0.5, "names": ["a", "b"], "pair": (torch.ones(2), 3)}
    right = {"pair": [[1.0, 1.0], np.int64(3)], "names": ("a", "b"), "loss": 0.5}
    assert d2l.check(lambda: right, [((), expected)])
    for key, wrong in (("loss", 0.6), ("names", ["a"]), ("pair", (torch.ones(2), 4))):
        assert not d2l.check(lambda k=key, w=wrong: right | {k: w}, [((), expected)])
    assert not d2l.check(lambda: {"loss": 0.5}, [((), expected)])
    assert not d2l.check(lambda: [0.5], [((), expected)])


@pytest.mark.parametrize("got", ["2", [2, 2], None, {"a": 2}, object()])
def test_what_is_no_number_is_no_right_number(got):
    assert not d2l.check(lambda: got, [((), 2.0)])
