"""The training loop of the course (built by hand in sections 3.2 and 3.6)."""

import math
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from d2lutils.batches import Batches
from d2lutils.environment import shows_progress
from d2lutils.plotting import plot, subplots

Measure = Callable[[Tensor, Tensor], Tensor]


class History:
    """What a training run measured, one row an epoch.

    ``history["test_loss"]`` is a column, ``history.last`` the last row,
    ``len(history)`` the number of finished epochs.
    """

    def __init__(self, rows: list[dict[str, float]] | None = None):
        self.rows = rows if rows is not None else []

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> list[float]:
        if self.rows and column not in self.rows[0]:
            raise KeyError(f"{column}: this history has {', '.join(self.rows[0])}")
        return [row[column] for row in self.rows]

    @property
    def last(self) -> dict[str, float]:
        """The measurements of the last finished epoch."""
        if not self.rows:
            raise IndexError("no epoch has finished yet")
        return self.rows[-1]

    def __repr__(self) -> str:
        if not self.rows:
            return "no finished epoch"
        columns = list(self.rows[0])
        lines = ["epoch  " + "  ".join(columns)]
        step = math.ceil(len(self.rows) / 10)
        for epoch in range(len(self.rows), 0, -step):
            cells = (f"{self.rows[epoch - 1][c]:#{len(c)}.4g}" for c in columns)
            lines.insert(1, f"{epoch:5}  " + "  ".join(cells))
        return "\n".join(lines)

    def plot(self) -> "Figure":  # noqa: F821 (pyplot is imported where it is used)
        """Draw every measure over the epochs, training beside test."""
        measures = list(dict.fromkeys(c.split("_", 1)[1] for c in self.rows[0]))
        fig, axes = subplots(1, len(measures), squeeze=False)
        for ax, measure in zip(axes.flat, measures, strict=True):
            curves = {
                part: self[f"{part}_{measure}"]
                for part in ("train", "test")
                if f"{part}_{measure}" in self.rows[0]
            }
            plot(None, curves, "epoch", measure, ax=ax)
        return fig


class Diverged(ArithmeticError):
    """The training loss is no longer a finite number.

    ``history`` holds the epochs before that.
    """

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


def accuracy(y_hat: Tensor, y: Tensor) -> Tensor:
    """Return the share of examples whose largest output is the label.

    Built in section 3.6.

    Args:
        y_hat: scores, shape (n, q).
        y: labels, integers in 0..q-1, shape (n,).

    Returns:
        A float32 scalar tensor in 0..1.
    """
    return (y_hat.argmax(dim=1) == y).float().mean()


@torch.inference_mode()
def evaluate(
    net: nn.Module, batches: Batches, loss: Measure, metric: Measure | None = None
) -> dict[str, float]:
    """Measure ``net`` on ``batches`` in evaluation mode, without gradients.

    Built in section 3.6.

    Args:
        net: the model; its mode is restored afterwards.
        batches: any iterable of pairs (X, y) on the model's device.
        loss: mean loss of a batch, called as ``loss(y_hat, y)``.
        metric: another mean over a batch, for example ``accuracy``.

    Returns:
        Means over all examples: ``{"loss": ..., "accuracy": ...}``, the
        second under the name of ``metric``.

    Raises:
        ValueError: there is no batch, or ``net`` is not initialized yet.
    """
    if any(nn.parameter.is_lazy(parameter) for parameter in net.parameters()):
        raise ValueError("net: give its lazy layers their shapes first, net(X[:1])")
    mode = net.training
    net.eval()
    try:
        sums = _Sums(metric)
        for X, y in batches:
            with _explained(X, y):
                y_hat = net(X)
                sums.add(_checked(loss, y_hat, y), y_hat, y)
    finally:
        net.train(mode)
    return sums.means()


def fit(
    net: nn.Module,
    train: Batches,
    test: Batches | None,
    loss: Measure,
    optimizer: torch.optim.Optimizer,
    num_epochs: int,
    metric: Measure | None = None,
    checkpoint: str | Path | None = None,
) -> History:
    """Train ``net`` and measure it after every epoch.

    The training columns are means over the epoch, taken while the model
    changes; the test columns belong to the model at the end of the epoch.
    Sums stay on the device and are read once an epoch. Stopping the cell
    (``KeyboardInterrupt``) ends the training; the model and the returned
    history stay usable. Sections 3.2 and 3.6 build the loop by hand.

    Args:
        net: the model; the batches move to its device.
        train: training batches.
        test: held-out batches, or None.
        loss: mean loss of a batch, called as ``loss(y_hat, y)``.
        optimizer: over the parameters of ``net``.
        num_epochs: epochs in all, those of a checkpoint included.
        metric: a further mean over a batch, for example ``accuracy``.
        checkpoint: file that keeps the state after every epoch. Where it
            exists, training goes on from it, and ends as if it had never
            stopped.

    Returns:
        The history: ``train_loss``, ``test_loss``, and for the metric
        ``train_accuracy``, ``test_accuracy`` (or its own name).

    Raises:
        ValueError: a wrong number of epochs, or no batch.
        Diverged: the training loss is not finite.
    """
    if isinstance(num_epochs, bool) or not isinstance(num_epochs, int):
        raise ValueError(f"num_epochs: expected an int, got {num_epochs!r}")
    if num_epochs < 1:
        raise ValueError(f"num_epochs: expected at least 1, got {num_epochs}")
    where = next(net.parameters()).device
    train = train.to(where)
    test = test.to(where) if test is not None else None
    history = _resume(checkpoint, net, optimizer)
    with _progress(num_epochs, len(history)) as bar:
        for epoch in range(len(history) + 1, num_epochs + 1):
            try:
                row = _label("train", _epoch(net, train, loss, optimizer, metric))
                if not math.isfinite(row["train_loss"]):
                    raise Diverged(
                        f"the training loss is {row['train_loss']} in epoch {epoch}: "
                        "try a smaller learning rate, and look for invalid "
                        "numbers in the data",
                        history,
                    )
                if test is not None:
                    row |= _label("test", evaluate(net, test, loss, metric))
            except KeyboardInterrupt:
                print(f"Interrupted in epoch {epoch}; {epoch - 1} finished.")
                break
            history.rows.append(row)
            _save(checkpoint, net, optimizer, history)
            bar.set_postfix(row, refresh=False)
            bar.update()
    return history


def _epoch(net, train, loss, optimizer, metric) -> dict[str, float]:
    """Train for one epoch; return the means over its examples."""
    mode = net.training
    net.train()
    try:
        sums = _Sums(metric)
        for X, y in train:
            optimizer.zero_grad()  # first: the forward pass gets its memory
            with _explained(X, y):
                y_hat = net(X)
                value = _checked(loss, y_hat, y)
            value.backward()
            optimizer.step()
            sums.add(value, y_hat, y)
    finally:
        net.train(mode)
    return sums.means()


class _Sums:
    """Sums over examples that stay on the device until they are read."""

    def __init__(self, metric: Measure | None):
        self.metric = metric
        self.count = 0
        self.totals: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, value: Tensor, y_hat: Tensor, y: Tensor) -> None:
        self._add("loss", value, len(y))
        if self.metric is not None:
            self._add(self.metric.__name__, self.metric(y_hat, y), len(y))
        self.count += len(y)

    def _add(self, name: str, mean: Tensor, count: int) -> None:
        if name not in self.totals:
            self.totals[name] = torch.zeros_like(mean)
        self.totals[name].add_(mean, alpha=count)

    def means(self) -> dict[str, float]:
        if self.count == 0:
            raise ValueError("batches: expected at least one batch")
        return {name: total.item() / self.count for name, total in self.totals.items()}


def _checked(loss: Measure, y_hat: Tensor, y: Tensor) -> Tensor:
    """Return the loss; refuse targets that would be broadcast in silence."""
    if y.is_floating_point() and y.shape != y_hat.shape:
        raise ValueError(
            f"y: expected the shape of the output, {tuple(y_hat.shape)}, "
            f"got {tuple(y.shape)}"
        )
    return loss(y_hat, y)


@contextmanager
def _explained(X: Tensor, y: Tensor):
    """Add to an error what the batch looked like."""
    try:
        yield
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        values = f", values {y.min()} to {y.max()}" if y.numel() else ""
        error.add_note(
            f"in a batch with X: {X.dtype} {tuple(X.shape)}, "
            f"y: {y.dtype} {tuple(y.shape)}{values}"
        )
        raise


def _label(part: str, means: dict[str, float]) -> dict[str, float]:
    return {f"{part}_{name}": value for name, value in means.items()}


def _progress(total: int, done: int) -> Any:
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        unit="epoch",
        leave=False,
        disable=not shows_progress(),
    )


def _save(path, net, optimizer, history) -> None:
    """Write the whole state of a run; a crash leaves the old file intact."""
    if path is None:
        return
    path = Path(path)
    state = {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rows": history.rows,
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all(),
    }
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    part.replace(path)


def _resume(path, net, optimizer) -> History:
    """Load the state of a run where there is one."""
    if path is None or not Path(path).exists():
        return History()
    state = torch.load(path, weights_only=True, map_location="cpu")
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    return History(state["rows"])
