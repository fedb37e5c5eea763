"""The training loop of the course (built by hand in sections 3.2 and 3.6)."""

import functools
import math
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from d2lutils.batches import Batches
from d2lutils.environment import shows_progress
from d2lutils.plotting import plot, subplots

BatchSource = Batches | Iterable[tuple[Tensor, ...]]
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
        """Draw every measure over the epochs, training beside test.

        Raises:
            ValueError: no epoch has finished yet.
        """
        if not self.rows:
            raise ValueError("no epoch has finished yet: there is nothing to plot")
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
        y_hat: scores, shape (n, q) with q of at least 2, or (n, q, ...).
        y: labels, integers in 0..q-1, shape (n,), or (n, ...).

    Returns:
        A float32 scalar tensor in 0..1.

    Raises:
        ValueError: other shapes, for example labels (n, 1), one column of
            scores, one-hot labels; or labels that are no integers.
    """
    if not _are_class_indices(y_hat, y):
        raise ValueError(
            "accuracy: expected scores of shape (n, q), q at least 2, and integer "
            f"labels of shape (n,), got {tuple(y_hat.shape)} and "
            f"{y.dtype} {tuple(y.shape)}"
        )
    return (y_hat.argmax(dim=1) == y).float().mean()


@torch.inference_mode()
def evaluate(
    net: nn.Module, batches: BatchSource, loss: Measure, metric: Measure | None = None
) -> dict[str, float]:
    """Measure ``net`` on ``batches`` in evaluation mode, without gradients.

    Built in section 3.6.

    Args:
        net: the model; afterwards each of its modules has its mode back.
        batches: any iterable of tuples ``(*inputs, y)`` of tensors; they move
            to the model's device.
        loss: mean loss of a batch, called as ``loss(net(*inputs), y)``.
        metric: another mean over a batch, for example ``accuracy``.

    Returns:
        Means over all examples: ``{"loss": ..., "accuracy": ...}``, the
        second under the name of ``metric``.

    Raises:
        TypeError: the loss or the metric cannot be called.
        ValueError: there is no batch, ``net`` is not initialized yet, the loss
            or the metric is no mean, or the target's shape does not go with the
            output's.
    """
    if any(nn.parameter.is_lazy(parameter) for parameter in net.parameters()):
        raise ValueError("net: give its lazy layers their shapes first, net(X[:1])")
    sums = _Sums(_Contract(loss), metric)
    with _modes_kept(net):
        net.eval()
        for inputs, y in _on_device(batches, _device(net)):
            with _explained(inputs, y):
                y_hat = net(*inputs)
                sums.add(sums.loss(y_hat, y), y_hat, y)
    return sums.means()


def fit(
    net: nn.Module,
    train: BatchSource,
    test: BatchSource | None,
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
        net: the model. Modules that are in evaluation mode while ``net`` is in
            training mode stay so: a frozen batch normalization, for example.
        train: training batches, tuples ``(*inputs, y)`` of tensors: ``Batches``,
            a ``DataLoader``, a list. They move to the model's device.
        test: held-out batches, or None.
        loss: mean loss of a batch, called as ``loss(net(*inputs), y)``. Its target
            has the shape of the output or, for outputs (n, q, ...), holds class
            indices of shape (n, ...).
        optimizer: over parameters of ``net``.
        num_epochs: epochs in all, those of a checkpoint included.
        metric: a further mean over a batch, for example ``accuracy``.
        checkpoint: file that keeps the state after every epoch. Where it
            exists, training goes on from it, and ends as if it had never
            stopped.

    Returns:
        The history: ``train_loss``, ``test_loss``, and for the metric
        ``train_accuracy``, ``test_accuracy`` (or its own name).

    Raises:
        TypeError: batches that can be passed over only once; a loss, a metric
            or an optimizer that is none.
        ValueError: a wrong number of epochs, no batch, an optimizer that holds
            nothing to train in ``net``, a loss or a metric that is no mean, a
            target whose shape does not go with the output's, or a checkpoint of
            another run.
        FileNotFoundError: the folder of the checkpoint does not exist.
        Diverged: the training loss is not finite.
    """
    _check_arguments(net, train, test, optimizer, num_epochs, checkpoint)
    where = _device(net)
    train, test = _moved(train, where), _moved(test, where)
    contract = _Contract(loss)
    columns = _columns(metric, test)
    history = _resume(checkpoint, net, optimizer, num_epochs, columns)
    with _progress(num_epochs, len(history)) as bar:
        for epoch in range(len(history) + 1, num_epochs + 1):
            try:
                row = _label("train", _epoch(net, train, contract, optimizer, metric))
                if not math.isfinite(row["train_loss"]):
                    raise Diverged(
                        f"the training loss is {row['train_loss']} in epoch {epoch}: "
                        "try a smaller learning rate, and look for invalid "
                        "numbers in the data",
                        history,
                    )
                if test is not None:
                    row |= _label("test", evaluate(net, test, loss, metric))
                history.rows.append(row)
                _save(checkpoint, net, optimizer, history)
            except KeyboardInterrupt:
                print(f"Interrupted in epoch {epoch}; {len(history)} finished.")
                break
            bar.set_postfix(row, refresh=False)
            bar.update()
    return history


def _check_arguments(net, train, test, optimizer, num_epochs, checkpoint) -> None:
    """Refuse what cannot work before any training."""
    if isinstance(num_epochs, bool) or not isinstance(num_epochs, int):
        raise ValueError(f"num_epochs: expected an int, got {num_epochs!r}")
    if num_epochs < 1:
        raise ValueError(f"num_epochs: expected at least 1, got {num_epochs}")
    for name, batches in (("train", train), ("test", test)):
        if isinstance(batches, Iterator):
            raise TypeError(
                f"{name}: every epoch passes over it once more: expected Batches, "
                f"a DataLoader or a list, got a {type(batches).__name__}"
            )
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer: expected one of torch.optim, got {optimizer!r}")
    own = {id(p) for p in net.parameters() if p.requires_grad}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not own & held:
        raise ValueError(
            "optimizer: it holds none of the parameters of net that require a "
            "gradient; make it anew whenever net is made anew"
        )
    if checkpoint is not None and not Path(checkpoint).absolute().parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint: there is no folder {Path(checkpoint).parent}; make it first"
        )
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint: {checkpoint} is a folder, expected a file")


def _epoch(net, train, loss, optimizer, metric) -> dict[str, float]:
    """Train for one epoch; return the means over its examples."""
    sums = _Sums(loss, metric)
    with _modes_kept(net):
        if not net.training:
            net.train()
        for inputs, y in _on_device(train, _device(net)):
            optimizer.zero_grad()  # first: the forward pass gets its memory
            with _explained(inputs, y):
                y_hat = net(*inputs)
                value = loss(y_hat, y)
            value.backward()
            optimizer.step()
            sums.add(value, y_hat, y)
    return sums.means()


def _device(net: nn.Module) -> torch.device:
    parameter = next(net.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def _moved(batches: BatchSource | None, device: torch.device) -> BatchSource | None:
    """Move what is held in memory once, instead of batch by batch."""
    return batches.to(device) if isinstance(batches, Batches) else batches


def _on_device(batches: BatchSource, device: torch.device) -> Iterator[tuple]:
    """Yield the inputs, as a tuple, and the target of every batch."""
    held = isinstance(batches, Batches) and batches.tensors[0].device == device
    for batch in batches:
        if not held or len(batch) < 2:  # Batches have rows, all on one device
            batch = _checked(batch, device)
        yield batch[:-1], batch[-1]


def _checked(batch: Any, device: torch.device) -> tuple[Tensor, ...]:
    """Return a batch of any source on the device; refuse what is none."""
    if not isinstance(batch, tuple | list):
        batch = (batch,)
    if len(batch) < 2 or not all(isinstance(value, Tensor) for value in batch):
        kinds = ", ".join(type(value).__name__ for value in batch)
        raise ValueError(
            "batches: expected tuples (X, y), or (*inputs, y), of tensors, "
            f"got ({kinds})"
        )
    if batch[-1].ndim == 0 or len(batch[-1]) == 0:
        shape = tuple(batch[-1].shape)
        raise ValueError(f"batches: expected a target with rows, got {shape}")
    return tuple(value.to(device) for value in batch)


@contextmanager
def _modes_kept(net: nn.Module):
    """Give each module its mode back, those frozen on purpose included."""
    modes = [(module, module.training) for module in net.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


class _Sums:
    """Sums over examples that stay on the device until they are read."""

    def __init__(self, loss: Measure, metric: Measure | None):
        self.loss, self.metric = loss, metric
        self.names = _names(metric)
        self.count = 0
        self.totals: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, value: Tensor, y_hat: Tensor, y: Tensor) -> None:
        means = [value]
        if self.metric is not None:
            means.append(_number("metric", self.metric(y_hat, y)))
        rows = len(y)
        for name, mean in zip(self.names, means, strict=True):
            if name not in self.totals:  # half precision would lose the small addends
                kind = torch.promote_types(mean.dtype, torch.float32)
                self.totals[name] = torch.zeros_like(mean, dtype=kind)
            self.totals[name].add_(mean, alpha=rows)
        self.count += rows

    def means(self) -> dict[str, float]:
        if self.count == 0:
            raise ValueError("batches: expected at least one batch")
        return {name: total.item() / self.count for name, total in self.totals.items()}


ELEMENTWISE = {
    "MSELoss",
    "L1Loss",
    "SmoothL1Loss",
    "HuberLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
}


def _are_class_indices(y_hat: Tensor, y: Tensor) -> bool:
    """Tell whether ``y`` may hold a class for each row of scores ``y_hat``."""
    shape = y_hat.shape
    return (
        len(shape) >= 2
        and shape[1] >= 2
        and y.shape == shape[:1] + shape[2:]
        and not y.is_floating_point()
        and y.dtype != torch.bool
    )


class _Contract:
    """A loss that is held to its contract: shapes that match, the mean of a batch."""

    def __init__(self, loss: Measure):
        _check_measure("loss", loss)
        self.loss = loss
        self.is_elementwise = _name(loss) in ELEMENTWISE
        self.is_checked = False
        reduction = getattr(loss, "reduction", "mean")
        if reduction != "mean":
            raise ValueError(
                f"loss: expected the mean over a batch, got reduction={reduction!r}"
            )

    def __call__(self, y_hat: Tensor, y: Tensor) -> Tensor:
        if (
            isinstance(y_hat, Tensor)
            and y.shape != y_hat.shape
            and (self.is_elementwise or not _are_class_indices(y_hat, y))
        ):
            raise ValueError(
                "y: expected the shape of the output, "
                f"{tuple(y_hat.shape)}, or class indices of its rows, got "
                f"{y.dtype} {tuple(y.shape)}"
            )
        value = self.loss(y_hat, y)
        if not self.is_checked:
            self._check(value, y_hat, y)
            self.is_checked = True
        return value

    @torch.no_grad()
    def _check(self, value: Tensor, y_hat: Tensor, y: Tensor) -> None:
        """Refuse what is not one number, and a sum: it doubles with the batch."""
        if not isinstance(value, Tensor):
            raise ValueError(
                f"loss: expected a scalar tensor, the mean over a batch, got {value!r}"
            )
        _number("loss", value)
        if not isinstance(y_hat, Tensor) or value == 0 or not value.isfinite():
            return
        try:
            twice = self.loss(torch.cat((y_hat, y_hat)), torch.cat((y, y)))
        except (RuntimeError, ValueError, IndexError):  # it knows its batch's size
            return
        if torch.isclose(twice, 2 * value, rtol=1e-2, atol=0):
            raise ValueError(
                "loss: expected the mean over a batch, got a sum, which doubles "
                "with the batch"
            )


def _name(measure: Measure) -> str:
    """Return what a measure is called: a function, a partial one, a module."""
    while isinstance(measure, functools.partial):
        measure = measure.func
    return getattr(measure, "__name__", type(measure).__name__)


def _check_measure(role: str, measure: Measure) -> None:
    if isinstance(measure, type) or not callable(measure):
        raise TypeError(
            f"{role}: expected a function or a module such as nn.MSELoss(), "
            f"got {measure!r}"
        )


def _number(role: str, value: Any) -> Tensor:
    """Return one number, given as any scalar, as a tensor without axes."""
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):  # None, for example
        tensor = None
    if tensor is None or tensor.ndim > 0:
        got = repr(value) if tensor is None else f"shape {tuple(tensor.shape)}"
        raise ValueError(
            f"{role}: expected one number, the mean over a batch, got {got}"
        )
    return tensor


def _names(metric: Measure | None) -> list[str]:
    """Return the names of what is measured: the loss, and perhaps a metric."""
    if metric is None:
        return ["loss"]
    _check_measure("metric", metric)
    if _name(metric) == "loss":
        raise ValueError("metric: it is called loss, like the loss; rename it")
    return ["loss", _name(metric)]


def _columns(metric: Measure | None, test: BatchSource | None) -> list[str]:
    parts = ["train"] if test is None else ["train", "test"]
    return [f"{part}_{name}" for part in parts for name in _names(metric)]


@contextmanager
def _explained(inputs: tuple[Tensor, ...], y: Tensor):
    """Add to an error what the batch looked like."""
    try:
        yield
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        values = f", values {y.min()} to {y.max()}" if y.numel() else ""
        shapes = ", ".join(f"{X.dtype} {tuple(X.shape)}" for X in inputs)
        error.add_note(
            f"in a batch with inputs: {shapes}; y: {y.dtype} {tuple(y.shape)}{values}"
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


def _options(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the options of an optimizer's groups under names of their own."""
    return {
        f"{name} of group {i}": len(value) if name == "params" else value
        for i, group in enumerate(groups)
        for name, value in group.items()
    }


def _save(path, net, optimizer, history) -> None:
    """Write the whole state of a run; a crash leaves the old file intact."""
    if path is None:
        return
    path = Path(path)
    state = {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "optimizer_class": type(optimizer).__name__,
        "rows": history.rows,
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all(),
    }
    part = path.with_name(path.name + ".part")
    try:
        torch.save(state, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _resume(path, net, optimizer, num_epochs: int, columns: list[str]) -> History:
    """Load the state of a run where there is one, and it is this run's."""
    if path is None or not Path(path).exists():
        return History()
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise ValueError(f"checkpoint: {path} is damaged, or no checkpoint") from error
    if not isinstance(state, dict) or "optimizer_class" not in state:
        raise ValueError(f"checkpoint: {path} holds no run of d2l.fit")
    if differences := _differences(state, net, optimizer, num_epochs, columns):
        raise ValueError(
            f"checkpoint: {path} belongs to another run; "
            f"{'; '.join(differences)}. Give another file, or remove this one"
        )
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    return History(state["rows"])


def _differences(
    state: dict, net, optimizer, num_epochs: int, columns: list[str]
) -> list[str]:
    """Say in words how a stored run differs from the one that asks for it."""
    done = len(state["rows"])
    shapes = [
        {name: tuple(value.shape) for name, value in tensors.items()}
        for tensors in (state["net"], net.state_dict())
    ]
    stored = {"optimizer": state["optimizer_class"]}
    stored |= _options(state["optimizer"]["param_groups"])
    here = {"optimizer": type(optimizer).__name__} | _options(optimizer.param_groups)
    return [
        f"{name}: {old.get(name)} there, {new.get(name)} here"
        for old, new in (
            shapes,
            (stored, here),
            ({"measures": list(state["rows"][0])}, {"measures": columns}),
            ({"epochs": done}, {"epochs": min(done, num_epochs)}),
        )
        for name in old | new
        if old.get(name) != new.get(name)
    ]
