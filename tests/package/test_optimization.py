"""The bench of chapter 7: its optima are optima, and a run says how it ended."""

import math

import pytest
import torch

import d2lutils as d2l
from d2lutils import optimization

PLANE = [optimization.quadratic, optimization.saddle, optimization.ravine]
SOLVED = [*PLANE, optimization.sparse, optimization.airfoil]
ALL = [*SOLVED, optimization.deep]


def sgd(params, lr):
    return torch.optim.SGD(params, lr=lr)


class ByHand:
    """What a section writes: nothing but the two methods."""

    def __init__(self, params, lr):
        self.params, self.lr = params, lr

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p in self.params:
            p -= self.lr * p.grad


def begin(problem, seed=0):
    return problem.start(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("make", SOLVED)
def test_at_the_solution_the_gradient_is_zero_and_the_start_is_higher(make):
    problem = make()
    params = [p.clone().requires_grad_() for p in problem.solution]
    value = problem.objective(params)
    value.backward()
    assert max(p.grad.abs().max() for p in params) < 1e-4
    assert value.item() == problem.optimum < float(problem.objective(begin(problem)))


def test_there_are_six_problems_with_different_names():
    bench = d2l.optimization.bench()
    assert len({problem.name for problem in bench}) == len(bench) == 6


def test_the_deep_network_is_the_same_whatever_the_global_seed():
    excess = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        problem = optimization.deep.__wrapped__()
        excess.append(optimization.descend(problem, sgd, 0.1).excess)
    assert excess[0] == excess[1]


@pytest.mark.parametrize("make", ALL)
def test_the_target_can_be_met_by_someone(make):
    rates, seeds = (0.003, 0.01, 0.03, 0.1, 1.0), range(4)  # one seed may miss it
    adam = optimization.search(make(), torch.optim.Adam, rates, seeds)
    assert any(reached is not None for reached in adam.reached)


@pytest.mark.parametrize("make", ALL)
def test_the_same_seed_gives_the_same_run_for_every_optimizer_alike(make):
    problem = make()
    first, again = (optimization.descend(problem, sgd, 0.01, 3) for _ in range(2))
    assert first.excess == again.excess
    other = optimization.descend(problem, ByHand, 0.01, 3)
    assert other.excess == pytest.approx(first.excess, rel=1e-4, abs=1e-6)
    assert optimization.descend(problem, sgd, 0.01, 4).excess != first.excess


@pytest.mark.parametrize("condition", [1, 10, 1000])
@pytest.mark.parametrize("angle", [0, 30, 90])
def test_gradient_descent_on_the_quadratic_is_the_closed_form(condition, angle):
    problem, lr = optimization.quadratic(condition, angle), 0.02
    run = optimization.descend(problem, sgd, lr)
    (x,) = begin(problem)
    H = torch.autograd.functional.hessian(lambda x: problem.objective([x]), x)
    values, vectors = torch.linalg.eigh(H)
    assert (values[1] / values[0]).item() == pytest.approx(condition, rel=1e-3)
    t = torch.tensor(run.steps)[:, None]
    expected = ((1 - lr * values) ** t * (vectors.T @ x)) @ vectors.T
    torch.testing.assert_close(run.path, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("factor", "diverged"), [(0.99, False), (1.01, True)])
def test_the_stable_step_of_the_quadratic_is_two_over_its_curvature(factor, diverged):
    lr = factor * 2 / 10
    run = optimization.descend(optimization.quadratic(100), sgd, lr)
    assert run.diverged == diverged


def test_a_run_that_diverges_ends_early_and_never_counts_as_solved():
    for lr in (1.0, 1e20):
        run = optimization.descend(optimization.ravine(), sgd, lr)
        assert run.diverged
        assert run.reached is None
        assert run.steps[-1] < optimization.ravine().budget
    assert not math.isfinite(run.excess[-1])


@pytest.mark.parametrize("make", ALL)
def test_every_look_is_recorded_from_the_start_to_the_end(make):
    problem = make()
    run = optimization.descend(problem, sgd, 1e-4)
    assert run.steps[0] == 0
    assert run.steps[-1] == problem.budget
    assert len(run.excess) == len(run.steps)
    assert (run.path is not None) == (make in PLANE)
    first = float(problem.objective(begin(problem))) - problem.optimum
    assert run.excess[0] == pytest.approx(first)
    if run.path is not None:
        assert run.path.shape == (len(run.steps), 2)


def test_a_run_may_stop_at_its_target():
    problem = optimization.quadratic(10)
    whole = optimization.descend(problem, sgd, 0.3)
    stopped = optimization.descend(problem, sgd, 0.3, stop=True)
    assert stopped.steps[-1] == stopped.reached == whole.reached < whole.steps[-1]
    assert stopped.excess[-1] <= problem.fraction * stopped.excess[0]
    assert stopped.excess[-2] > problem.fraction * stopped.excess[0]


def test_a_search_prefers_targets_met_then_few_steps_then_a_small_excess():
    problem = optimization.quadratic(10)
    found = optimization.search(problem, sgd, (0.001, 0.1, 0.3, 3.0))
    assert found.best == 0.3
    assert not found.at_edge
    assert found.reached == [run.reached for run in found.runs[0.3]]
    assert all(run.diverged for run in found.runs[3.0])
    slow = optimization.search(problem, sgd, (1e-6, 1e-5, 1e-4))
    assert (slow.best, slow.at_edge, slow.reached) == (1e-4, True, [None, None])


def test_what_cannot_be_done_is_refused():
    problem = optimization.quadratic()
    for lr in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="lr: expected a number above 0"):
            optimization.descend(problem, sgd, lr)
    with pytest.raises(ValueError, match="at least three"):
        optimization.search(problem, sgd, (0.1, 1.0, 0.1))
    with pytest.raises(ValueError, match="at least one"):
        optimization.search(problem, sgd, seeds=[])
    for condition in (0.5, math.nan, math.inf):
        with pytest.raises(ValueError, match="condition: expected at least 1"):
            optimization.quadratic(condition)


def test_paths_are_drawn_with_a_name_each():
    problem = optimization.ravine()
    paths = {name: torch.rand(5, 2) for name in ("one", "two")}
    ax = optimization.draw_paths(problem, paths, (-2, 2), (-1, 2))
    assert ax.get_title() == "ravine"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["one", "two"]
    assert optimization.draw_paths(problem, {}, (-2, 2), (-1, 2), ax=ax) is ax


def test_the_airfoil_is_standardized_by_its_training_part():
    X, y, X_test, y_test = optimization.airfoil_parts()
    assert (X.shape, y.shape) == ((1200, 5), (1200,))
    assert (X_test.shape, y_test.shape) == ((303, 5), (303,))
    together = torch.cat([X, y[:, None]], dim=1)
    torch.testing.assert_close(together.mean(0), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.std(0), torch.ones(6), atol=1e-4, rtol=0)
    assert X_test.mean(0).abs().max() > 1e-3


def test_word_counts_are_ordered_by_frequency_and_begin_with_the_bias():
    X, y, words = optimization.word_counts()
    assert X.shape == (len(y), len(words)) == (1000, len(words))
    assert (X[:, 0] == 1).all()
    totals = X[:, 1:].sum(0)
    assert (totals.diff() <= 0).all()
    assert totals[-1] >= 3
    assert set(y.tolist()) == {0.0, 1.0}
