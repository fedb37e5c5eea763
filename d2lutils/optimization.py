"""Problems that tell optimizers apart, and one search that is fair to all (chapter 7).

All of it runs on the CPU, and a seed decides the start and every mini-batch.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from d2lutils import data, text
from d2lutils.plotting import subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Problem:
    """Something to minimize (section 7.1).

    Args:
        name: for tables and titles.
        start: makes the parameters, a list of float32 tensors, from a generator.
        objective: what shall become small, a scalar of the parameters. In the plane
            there is one parameter (2,), and (2, ...) is taken elementwise.
        fraction: the target is reached where the excess over the optimum is at
            most this fraction of the excess at the start.
        budget: steps that a run may take.
        loss: what a step sees, a scalar of the parameters and of a generator that
            draws a mini-batch; None: the objective.
        every: steps from one look at the objective to the next.
        solution: parameters where the objective is smallest; None: not known, and 0
            is a bound that stands in for the optimum.
    """

    name: str
    start: Callable[[Generator], list[Tensor]]
    objective: Callable[[list[Tensor]], Tensor]
    fraction: float
    budget: int
    loss: Callable[[list[Tensor], Generator], Tensor] | None = None
    every: int = 1
    solution: list[Tensor] | None = None

    @property
    def optimum(self) -> float:
        """Return the smallest objective, or 0 where it is not known."""
        return 0.0 if self.solution is None else float(self.objective(self.solution))


@dataclass(frozen=True)
class Run:
    """One descent: what was seen at its start and at each look after it.

    Attributes:
        steps: steps taken before the look.
        excess: the objective minus the optimum.
        path: the points, (looks, 2); None if the problem is not in the plane.
        reached: steps before the first look that met the target, or None.
        diverged: the last excess is above the first, or not finite.
    """

    steps: list[int]
    excess: list[float]
    path: Tensor | None
    reached: int | None
    diverged: bool


def descend(
    problem: Problem,
    make_optimizer: Callable[[list[Tensor], float], Any],
    lr: float,
    seed: int = 0,
    stop: bool = False,
) -> Run:
    """Minimize a problem from the start that the seed gives.

    A run ends with the budget, and before where the excess is not finite or has
    grown a million times.

    Args:
        problem: one of this module, or of your own.
        make_optimizer: makes of the parameters and a learning rate something with
            ``step()`` and ``zero_grad()``, as the classes of ``torch.optim`` do.
        lr: learning rate.
        seed: the same one gives each optimizer the same start and the same batches.
        stop: end where the target is met.

    Raises:
        ValueError: a rate that is not above 0.
    """
    if not 0 < lr < math.inf:
        raise ValueError(f"lr: expected a number above 0, got {lr}")
    generator, optimum = torch.Generator().manual_seed(seed), problem.optimum
    params = [p.requires_grad_() for p in problem.start(generator)]
    optimizer = make_optimizer(params, lr)
    steps, excess, path, reached = [], [], [], None
    for step in range(problem.budget + 1):
        if step % problem.every == 0 or step == problem.budget:
            steps.append(step)
            with torch.no_grad():
                excess.append(problem.objective(params).item() - optimum)
            path.append(params[0].detach().clone())
            if reached is None and excess[-1] <= problem.fraction * excess[0]:
                reached = step
            if not excess[-1] <= 1e6 * excess[0] or (stop and reached is not None):
                break
        if step < problem.budget:
            optimizer.zero_grad()
            if problem.loss is None:
                problem.objective(params).backward()
            else:
                problem.loss(params, generator).backward()
            optimizer.step()
    in_plane = len(params) == 1 and params[0].shape == (2,)
    path = torch.stack(path) if in_plane else None
    return Run(steps, excess, path, reached, not excess[-1] <= excess[0])


@dataclass(frozen=True)
class Search:
    """What one optimizer does at each learning rate.

    Attributes:
        runs: for each rate those of the seeds, stopped at the target.
        best: the rate at which most seeds meet the target, of these the one of the
            fewest steps, else of the smallest excess at the end.
        at_edge: no rate beyond the best was tried.
    """

    runs: dict[float, list[Run]]
    best: float
    at_edge: bool

    @property
    def reached(self) -> list[int | None]:
        """Return the steps to the target at the best rate, one for each seed."""
        return [run.reached for run in self.runs[self.best]]


def search(
    problem: Problem,
    make_optimizer: Callable[[list[Tensor], float], Any],
    rates: Sequence[float] = RATES,
    seeds: Sequence[int] = (0, 1),
) -> Search:
    """Look for the best learning rate, with the same rates and budget for everyone.

    Args:
        problem, make_optimizer: as for ``descend``.
        rates: learning rates, in any order.
        seeds: each rate is tried with each of them.

    Raises:
        ValueError: no seed, or fewer than three different rates.
    """
    if len(set(rates)) < 3:
        raise ValueError(f"rates: expected at least three, got {list(rates)}")
    if len(seeds) == 0:
        raise ValueError("seeds: expected at least one")
    runs = {
        lr: [descend(problem, make_optimizer, lr, seed, stop=True) for seed in seeds]
        for lr in rates
    }

    def rank(lr: float) -> tuple[float, float, float]:
        reached = [run.reached for run in runs[lr] if run.reached is not None]
        last = sum(run.excess[-1] for run in runs[lr])
        return -len(reached), sum(reached), math.inf if math.isnan(last) else last

    best = min(rates, key=rank)
    return Search(runs, best, best in (min(rates), max(rates)))


def draw_paths(
    problem: Problem,
    paths: Mapping[str, Tensor],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw paths over the level lines of a problem in the plane.

    Args:
        problem: with one parameter of shape (2,).
        paths: a label for each path, shape (k, 2); there may be none.
        xlim, ylim: what is shown.
        ax: where to draw; by default a new figure.

    Returns:
        The axes. From line to line the root of the excess grows by the same amount.
    """
    if ax is None:
        _, ax = subplots()
    x, y = torch.linspace(*xlim, 121), torch.linspace(*ylim, 121)
    height = problem.objective([torch.stack(torch.meshgrid(x, y, indexing="xy"))])
    height = (height - problem.optimum).clamp(min=0).sqrt()
    ax.contour(x, y, height, 15, colors="#999999", linewidths=0.6, linestyles="-")
    for label, path in paths.items():
        ax.plot(*path.T, label=label, marker=".", markersize=3, linewidth=1)
    ax.set(xlim=xlim, ylim=ylim, title=problem.name, xlabel="$x_1$", ylabel="$x_2$")
    if len(paths) > 1:
        ax.legend()
    return ax


def quadratic(condition: float = 100.0, angle: float = 30.0) -> Problem:
    """Return a straight valley with its minimum at the origin (section 7.2).

    The eigenvalues of its Hessian are the root of the condition number, and 1 over
    it. Both directions have about the same share in the height of the start.

    Args:
        condition: largest eigenvalue over the smallest.
        angle: degrees from the first axis to the steep direction.

    Raises:
        ValueError: a condition number below 1.
    """
    if not 1 <= condition < math.inf:
        raise ValueError(f"condition: expected at least 1, got {condition}")
    eigenvalues = torch.tensor([condition, 1 / condition]).sqrt()
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    vectors = torch.tensor([[cos, -sin], [sin, cos]])  # in its columns
    (a, b), (_, c) = (vectors * eigenvalues @ vectors.T).tolist()

    def start(generator: Generator) -> list[Tensor]:
        size = 1 + 0.1 * torch.randn(2, generator=generator)
        return [vectors @ (size / eigenvalues.sqrt())]

    def objective(params: list[Tensor]) -> Tensor:
        x, y = params[0]
        return (a * x * x + 2 * b * x * y + c * y * y) / 2

    return Problem(
        f"quadratic, condition {condition:g}",
        start,
        objective,
        fraction=0.01,
        budget=300,
        solution=[torch.zeros(2)],
    )


def saddle() -> Problem:
    """Return a saddle at the origin with a minimum on either side of it.

    With u and v, the axes turned by 30 degrees, it is 5 u^2 + (v^2 - 1)^2 / 4. The
    start is near the ridge v = 0, down which the gradient leads to the saddle.
    """
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)

    def start(generator: Generator) -> list[Tensor]:
        v = 0.001 * (1 + torch.rand((), generator=generator).item())
        return [torch.tensor([cos - sin * v, sin + cos * v])]

    def objective(params: list[Tensor]) -> Tensor:
        x, y = params[0]
        u, v = cos * x + sin * y, cos * y - sin * x
        return 5 * u * u + (v * v - 1) ** 2 / 4

    return Problem(
        "saddle",
        start,
        objective,
        fraction=0.01,
        budget=200,
        solution=[torch.tensor([-sin, cos])],
    )


def ravine() -> Problem:
    """Return Rosenbrock's curved ravine, divided by 100, with its minimum at (1, 1).

    Rosenbrock (1960), doi 10.1093/comjnl/3.3.175.
    """

    def objective(params: list[Tensor]) -> Tensor:
        x, y = params[0]
        return (y - x * x) ** 2 + (1 - x) ** 2 / 100

    def start(generator: Generator) -> list[Tensor]:
        return [torch.tensor([-1.2, 1.0]) + 0.1 * torch.randn(2, generator=generator)]

    return Problem(
        "ravine",
        start,
        objective,
        fraction=0.01,
        budget=500,
        solution=[torch.ones(2)],
    )


def _of_batches(
    loss: Callable[..., Tensor], X: Tensor, y: Tensor, batch_size: int
) -> dict[str, Callable]:
    """Return the objective on all examples and the loss on some, with replacement."""

    def of_batch(params: list[Tensor], generator: Generator) -> Tensor:
        rows = torch.randint(len(y), (batch_size,), generator=generator)
        return loss(params, X[rows], y[rows])

    return {"objective": lambda params: loss(params, X, y), "loss": of_batch}


@cache
def word_counts() -> tuple[Tensor, Tensor, list[str]]:
    """Return 1000 film reviews as word counts, the words in order of frequency.

    Returns:
        Counts, float32 (1000, words), of which the first column is 1 everywhere;
        labels, float32 (1000,), 1 good, 0 bad; and a name for each column. Words
        that occur fewer than three times are left out.
    """
    texts, labels = data.sentence_polarity()
    chosen = _order(len(texts))[:1000].tolist()
    sentences = [text.clean(texts[i]).split() for i in chosen]
    vocabulary = text.Vocabulary((w for words in sentences for w in words), 3)
    X = torch.stack(
        [vocabulary.encode(s).bincount(minlength=len(vocabulary)) for s in sentences]
    ).float()
    X[:, 0] = 1
    y = torch.tensor([float(labels[i]) for i in chosen])
    return X, y, ["(bias)", *vocabulary.tokens[1:]]


def _order(n: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


@cache
def sparse() -> Problem:
    """Return logistic regression on ``word_counts``, batches of 32 (section 7.5).

    A weight decay of 0.001 keeps the solution finite, which L-BFGS finds.
    """

    def loss(params: list[Tensor], X: Tensor, y: Tensor) -> Tensor:
        (w,) = params
        fit = F.binary_cross_entropy_with_logits(X @ w, y)
        return fit + 0.0005 * w.square().sum()

    X, y, _ = word_counts()
    w = torch.zeros(X.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [w], max_iter=200, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss([w], X, y)
        value.backward()
        return value

    optimizer.step(closure)
    return Problem(
        "sparse features",
        lambda generator: [torch.zeros(X.shape[1])],
        **_of_batches(loss, X, y, batch_size=32),
        fraction=0.25,
        budget=300,
        every=10,
        solution=[w.detach()],
    )


@cache
def deep() -> Problem:
    """Return a deep narrow network on 1000 images of Fashion-MNIST, batches of 50.

    Eight hidden layers of 20 tanh units on images of 14 x 14, weights and biases in
    turn, weights with the bounds of ``nn.Linear``.
    """
    train, _ = data.load_fashion_mnist(1000, num_train=1000, size=14)
    images, y = train.tensors  # in the order of the file, whatever the global seed
    X, sizes = images.flatten(1) / 255, [196] + [20] * 8 + [10]

    def start(generator: Generator) -> list[Tensor]:
        params = []
        for fan_in, fan_out in pairwise(sizes):
            uniform = torch.rand(fan_out, fan_in, generator=generator)
            params += [(2 * uniform - 1) / fan_in**0.5, torch.zeros(fan_out)]
        return params

    def loss(params: list[Tensor], X: Tensor, y: Tensor) -> Tensor:
        for i in range(0, len(params) - 2, 2):
            X = torch.tanh(F.linear(X, params[i], params[i + 1]))
        return F.cross_entropy(F.linear(X, *params[-2:]), y)

    return Problem(
        "deep network",
        start,
        **_of_batches(loss, X, y, batch_size=50),
        fraction=0.6,
        budget=150,
        every=10,
    )


@cache
def airfoil_parts() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the airfoil data, shuffled and standardized by its training part.

    Returns:
        Features and targets, float32 (1200, 5) and (1200,), for training, and (303,
        5) and (303,) for testing; standardized columns have no unit.
    """
    rows = data.airfoil()
    rows = rows[_order(len(rows))]
    rows = (rows - rows[:1200].mean(0)) / rows[:1200].std(0)
    return rows[:1200, :5], rows[:1200, 5], rows[1200:, :5], rows[1200:, 5]


@cache
def airfoil() -> Problem:
    """Return linear least squares on ``airfoil_parts``, half the mean square.

    Five weights and a bias, batches of 10; the solution is the closed form.
    """

    def loss(params: list[Tensor], X: Tensor, y: Tensor) -> Tensor:
        (w,) = params
        return (X @ w - y).square().mean() / 2

    X, y, _, _ = airfoil_parts()
    X = torch.cat([X, torch.ones(len(X), 1)], dim=1)
    return Problem(
        "airfoil",
        lambda generator: [torch.randn(6, generator=generator)],
        **_of_batches(loss, X, y, batch_size=10),
        fraction=0.02,
        budget=300,
        every=5,
        solution=[torch.linalg.lstsq(X, y[:, None]).solution[:, 0]],
    )


def bench() -> list[Problem]:
    """Return the six problems that chapter 7 asks every optimizer to solve."""
    return [quadratic(), saddle(), ravine(), sparse(), deep(), airfoil()]
