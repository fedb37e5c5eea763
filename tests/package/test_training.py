"""The training loop: right sums, right modes, resumed and interrupted runs."""

import copy
import functools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import d2lutils as d2l

loss = nn.CrossEntropyLoss()


def data(n=50, batch_size=16, shuffle=True):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, 4, generator=generator)
    y = (X @ torch.randn(4, 3, generator=generator)).argmax(dim=1)
    return d2l.Batches(X, y, batch_size=batch_size, shuffle=shuffle)


def model(*extra):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), *extra, nn.Linear(8, 3))


def sgd(net, lr=0.5):
    return torch.optim.SGD(net.parameters(), lr, momentum=0.9)


def parameters(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_evaluate_weights_batches_by_their_size():
    net, batches = model(), data(batch_size=16)  # the last batch has two rows
    means = d2l.evaluate(net, batches, loss, d2l.accuracy)
    y_hat = net(batches.tensors[0])
    assert means["loss"] == pytest.approx(
        loss(y_hat, batches.tensors[1]).item(), rel=1e-5
    )
    right = (y_hat.argmax(dim=1) == batches.tensors[1]).double().mean().item()
    assert means["accuracy"] == pytest.approx(right)


def test_training_columns_are_means_over_the_epoch():
    net, batches = model(), data()
    frozen = torch.optim.SGD(net.parameters(), lr=0.0)
    expected = d2l.evaluate(net, batches, loss, d2l.accuracy)
    history = d2l.fit(net, batches, batches, loss, frozen, 2, d2l.accuracy)
    for row in history.rows:
        for part in ("train", "test"):
            assert row[f"{part}_loss"] == pytest.approx(expected["loss"], rel=1e-5)
            assert row[f"{part}_accuracy"] == pytest.approx(expected["accuracy"])


def test_fit_equals_the_plain_loop():
    batches = data(shuffle=False)
    ours, plain = model(), model()
    d2l.fit(ours, batches, None, loss, sgd(ours), 3)
    optimizer = sgd(plain)
    for _ in range(3):
        for X, y in batches:
            optimizer.zero_grad()
            loss(plain(X), y).backward()
            optimizer.step()
    assert torch.equal(parameters(ours), parameters(plain))


def test_fit_learns():
    net = model()
    history = d2l.fit(net, data(), data(), loss, sgd(net), 30, d2l.accuracy)
    assert history.last["test_accuracy"] > 0.95
    assert len(history) == len(history["train_loss"]) == 30


@pytest.mark.parametrize("training", [True, False])
def test_modes_are_used_and_restored(training):
    modes = []

    class Spy(nn.Module):
        def forward(self, X):
            modes.append(self.training)
            return X

    net = model(Spy()).train(training)
    d2l.fit(net, data(), data(), loss, sgd(net), 1)
    assert modes == [True] * 4 + [False] * 4
    assert net.training is training


def test_the_mode_is_restored_after_an_error():
    net = model().eval()
    with pytest.raises(RuntimeError):
        d2l.fit(net, wrong_width(), None, loss, sgd(net), 1)
    assert not net.training


def wrong_width():
    return d2l.Batches(
        torch.zeros(3, 5), torch.zeros(3, dtype=torch.long), batch_size=3
    )


def test_errors_describe_the_batch():
    net = model()
    with pytest.raises(RuntimeError) as caught:
        d2l.fit(net, wrong_width(), None, loss, sgd(net), 1)
    assert "inputs: torch.float32 (3, 5)" in caught.value.__notes__[0]
    labels = d2l.Batches(torch.zeros(2, 4), torch.tensor([0, 3]), batch_size=2)
    with pytest.raises(IndexError) as caught:
        d2l.evaluate(net, labels, loss)
    assert "values 0 to 3" in caught.value.__notes__[0]


def test_targets_are_never_broadcast():
    net = nn.Linear(4, 1)
    batches = d2l.Batches(torch.zeros(6, 4), torch.zeros(6), batch_size=6)
    with pytest.raises(ValueError, match=r"\(6, 1\).* got .*\(6,\)"):
        d2l.fit(net, batches, None, nn.MSELoss(), sgd(net), 1)


@pytest.mark.parametrize("epochs", [0, -1, 2.0, True, "3"])
def test_a_wrong_number_of_epochs_is_named(epochs):
    net = model()
    with pytest.raises(ValueError, match="num_epochs"):
        d2l.fit(net, data(), None, loss, sgd(net), epochs)


def test_no_batch_is_named():
    with pytest.raises(ValueError, match="batches: expected at least one"):
        d2l.evaluate(model(), [], loss)


def test_lazy_layers_need_a_shape_first():
    with pytest.raises(ValueError, match="lazy"):
        d2l.evaluate(nn.LazyLinear(3), data(), loss)


def test_a_diverging_run_keeps_its_history():
    net = nn.Linear(4, 1)
    X = torch.randn(20, 4)
    batches = d2l.Batches(X, X.sum(dim=1, keepdim=True), batch_size=5)
    with pytest.raises(d2l.training.Diverged, match="smaller learning rate") as caught:
        d2l.fit(net, batches, None, nn.MSELoss(), sgd(net, 100.0), 100)
    history = caught.value.history
    assert all(math.isfinite(value) for value in history["train_loss"])


class Stop(nn.Module):
    """Raise KeyboardInterrupt at one forward pass; with 0, at none."""

    def __init__(self, at):
        super().__init__()
        self.left = at

    def forward(self, X):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return X


def test_an_interrupted_run_stays_usable(capsys):
    net = model(Stop(at=10))  # eight passes an epoch: four to train, four to test
    history = d2l.fit(net, data(), data(), loss, sgd(net), 5)
    assert "Interrupted in epoch 2; 1 finished." in capsys.readouterr().out
    assert len(history) == 1
    assert net.training
    more = d2l.fit(net, data(), data(), loss, sgd(net), 1)
    assert len(more) == 1


def test_a_resumed_run_ends_as_if_it_had_not_stopped(tmp_path):
    def run(epochs, path=None, stop=0):
        net = model(nn.Dropout(0.5), Stop(stop))
        if path is not None and path.exists():  # another process, another seed
            torch.manual_seed(99)
        history = d2l.fit(net, data(), data(), loss, sgd(net), epochs, None, path)
        return net, history

    whole, expected = run(6)
    path = tmp_path / "run.pt"
    run(2, path)
    run(4, path, stop=9)  # interrupted in epoch 4
    resumed, history = run(6, path)
    assert torch.equal(parameters(resumed), parameters(whole))
    assert history.rows == expected.rows
    assert not list(tmp_path.glob("*.part"))
    again, same = run(6, path)
    assert torch.equal(parameters(again), parameters(whole))
    assert same.rows == history.rows


def test_a_crash_while_saving_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    net = model()
    d2l.fit(net, data(), None, loss, sgd(net), 1, None, path)
    before = path.read_bytes()

    def full(state, target):
        target.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="no space"):
        d2l.fit(net, data(), None, loss, sgd(net), 2, None, path)
    assert path.read_bytes() == before


def test_accuracy():
    y_hat = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    assert d2l.accuracy(y_hat, torch.tensor([1, 0, 0, 0])).item() == 0.75


def test_history_prints_and_plots():
    net = model()
    history = d2l.fit(net, data(), data(), loss, sgd(net), 25, d2l.accuracy)
    lines = repr(history).splitlines()
    assert lines[0].split() == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
    ]
    assert len(lines) <= 11
    assert lines[-1].split()[0] == "25"
    with pytest.raises(KeyError, match="train_loss"):
        history["loss"]
    left, right = history.plot().axes
    assert left.get_ylabel() == "loss"
    assert [line.get_label() for line in right.lines] == ["train", "test"]
    assert right.lines[1].get_ydata().tolist() == history["test_accuracy"]
    assert repr(d2l.training.History()) == "no finished epoch"
    with pytest.raises(IndexError, match="no epoch"):
        d2l.training.History().last  # noqa: B018


def test_synthetic_regression_follows_its_model():
    torch.manual_seed(0)
    w = torch.tensor([2.0, -3.4])
    X, y = d2l.data.synthetic_regression(w, 4.2, 5000, noise=0.1)
    assert X.shape == (5000, 2)
    assert y.shape == (5000, 1)
    rest = y[:, 0] - X @ w - 4.2
    assert rest.mean().abs() < 0.01
    assert rest.std().item() == pytest.approx(0.1, rel=0.05)


def test_parameters_agree_with_the_peers_loop(monkeypatch):
    """Same start, same batches, three epochs: the parameters agree to 1e-5."""
    peer = pytest.importorskip("d2l.torch", reason="make setup installs the peer")
    monkeypatch.setattr(peer, "Animator", _Recorder)
    batches = data(n=100, shuffle=False)
    theirs = model()
    monkeypatch.setattr(nn.init, "xavier_uniform_", lambda weight: weight)
    ours = copy.deepcopy(theirs)
    peer.train_ch6(theirs, list(batches), list(batches), 3, 0.1, "cpu")
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    d2l.fit(ours, batches, batches, loss, optimizer, 3, d2l.accuracy)
    torch.testing.assert_close(parameters(ours), parameters(theirs), rtol=0, atol=1e-5)


class _Recorder:
    """Stand in for the peer's animated figure."""

    def __init__(self, **_):
        self.points = []

    def add(self, x, y):
        self.points.append((x, y))


# The contracts: what does not fit is told before it trains in silence.


@pytest.mark.parametrize("target", [torch.float32, torch.int64, torch.uint8])
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.functional.l1_loss])
def test_no_dtype_lets_a_target_broadcast(target, loss):
    net = nn.Linear(2, 1)
    flat = d2l.Batches(torch.zeros(8, 2), torch.zeros(8, dtype=target), batch_size=4)
    for run in (
        lambda: d2l.fit(net, flat, None, loss, sgd(net), 1),
        lambda: d2l.evaluate(net, flat, loss),
    ):
        with pytest.raises(ValueError, match=r"\(4, 1\).* got .*\(4,\)"):
            run()


def test_a_square_batch_lets_no_target_broadcast():
    net = nn.Linear(2, 4)  # four outputs, four rows
    batch = [(torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))]
    with pytest.raises(ValueError, match="expected the shape of the output"):
        d2l.fit(net, batch, None, nn.MSELoss(), sgd(net), 1)
    d2l.fit(net, batch, None, nn.CrossEntropyLoss(), sgd(net), 1)


def test_class_indices_of_every_pixel_and_class_probabilities_are_targets():
    net = nn.Conv2d(1, 3, 1)
    images = torch.zeros(2, 1, 5, 5)
    for y in (torch.zeros(2, 5, 5, dtype=torch.long), torch.full((2, 3, 5, 5), 1 / 3)):
        means = d2l.evaluate(net, [(images, y)], loss)
        assert means["loss"] == pytest.approx(loss(net(images), y).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("y_hat", "y"),
    [
        (torch.eye(4), torch.arange(4).reshape(4, 1)),
        (torch.ones(4, 1), torch.zeros(4, dtype=torch.long)),
        (torch.eye(4), torch.eye(4)),
        (torch.eye(4), torch.eye(4, dtype=torch.long)),
        (torch.eye(4), torch.arange(4.0)),
        (torch.ones(4), torch.ones(4, dtype=torch.long)),
    ],
)
def test_accuracy_names_shapes_that_do_not_go_together(y_hat, y):
    with pytest.raises(ValueError, match=r"accuracy: .* got \(4.* \(4"):
        d2l.accuracy(y_hat, y)


def test_an_optimizer_of_another_net_is_refused():
    stale = sgd(model())
    with pytest.raises(ValueError, match="none of the parameters of net"):
        d2l.fit(model(), data(), None, loss, stale, 1)
    frozen = model().requires_grad_(False)
    with pytest.raises(ValueError, match="require a gradient"):
        d2l.fit(frozen, data(), None, loss, sgd(frozen), 1)


@pytest.mark.parametrize("kind", ["list", "loader", "lists"])
def test_any_iterable_of_batches_trains_like_ours(kind):
    ours = data(shuffle=False)
    theirs = {
        "list": lambda: list(ours),
        "lists": lambda: [list(pair) for pair in ours],
        "loader": lambda: DataLoader(TensorDataset(*ours.tensors), ours.batch_size),
    }[kind]()
    rows = []
    for batches in (ours, theirs):
        net = model()
        rows.append(d2l.fit(net, batches, batches, loss, sgd(net), 2).rows)
    assert rows[0] == rows[1]


def test_several_inputs_reach_the_net():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, a, b):
            return self.scale * (a + b)

    net, a, b = Sum(), torch.rand(6), torch.rand(6)
    batches = d2l.Batches(a, b, 3 * (a + b), batch_size=2)
    history = d2l.fit(net, batches, batches, nn.MSELoss(), sgd(net, 0.1), 40)
    assert history.last["test_loss"] < 1e-3


def test_batches_that_are_spent_after_one_pass_are_refused():
    net = model()
    with pytest.raises(TypeError, match=r"train: .* got a generator"):
        d2l.fit(net, (pair for pair in data()), None, loss, sgd(net), 2)
    with pytest.raises(ValueError, match=r"expected tuples \(X, y\)"):
        d2l.fit(net, [torch.zeros(3, 4)], None, loss, sgd(net), 1)


def summed(y_hat, y):
    return nn.functional.cross_entropy(y_hat, y, reduction="sum")


def each(y_hat, y):
    return nn.functional.cross_entropy(y_hat, y, reduction="none")


@pytest.mark.parametrize(
    "criterion",
    [
        nn.CrossEntropyLoss(reduction="sum"),
        nn.CrossEntropyLoss(reduction="none"),
        summed,
        each,
        lambda y_hat, y: 1.0,
        lambda y_hat, y: None,
    ],
)
def test_a_loss_that_is_no_mean_is_refused(criterion):
    net = model()
    before = parameters(net)
    with pytest.raises(ValueError, match=r"loss: expected .*the mean over a batch"):
        d2l.fit(net, data(), None, criterion, sgd(net), 1)
    assert torch.equal(parameters(net), before)
    with pytest.raises(ValueError, match=r"loss: expected .*the mean over a batch"):
        d2l.evaluate(net, data(), criterion)


def test_metrics_without_a_name_of_their_own():
    net = model()
    partial = functools.partial(nn.functional.cross_entropy, label_smoothing=0.1)
    for metric, name in ((partial, "cross_entropy"), (nn.CrossEntropyLoss(), None)):
        row = d2l.fit(net, data(), data(), loss, sgd(net), 1, metric).last
        assert f"test_{name or 'CrossEntropyLoss'}" in row


def named_loss():
    def loss(y_hat, y):
        return nn.functional.cross_entropy(y_hat, y)

    return loss


def correct(y_hat, y):
    return y_hat.argmax(dim=1) == y


def nothing(y_hat, y):
    return None


@pytest.mark.parametrize(
    ("metric", "error", "words"),
    [
        (named_loss(), ValueError, "metric: it is called loss"),
        (correct, ValueError, r"metric: expected one number.*shape \(16,\)"),
        (nothing, ValueError, "metric: expected one number.*got None"),
        (nn.CrossEntropyLoss, TypeError, r"metric: .* such as nn.MSELoss\(\)"),
        ("accuracy", TypeError, "metric: expected a function"),
    ],
)
def test_a_metric_that_is_no_mean_is_refused(metric, error, words):
    net = model()
    with pytest.raises(error, match=words):
        d2l.fit(net, data(), None, loss, sgd(net), 1, metric)
    with pytest.raises(error, match=words):
        d2l.evaluate(net, data(), loss, metric)


@given(scale=st.floats(1e-30, 1e30))
def test_a_mean_of_any_size_is_no_sum(scale):
    def scaled(y_hat, y):
        return scale * nn.functional.cross_entropy(y_hat, y)

    found = d2l.evaluate(model(), data(), scaled)["loss"]
    assert found == pytest.approx(scale * d2l.evaluate(model(), data(), loss)["loss"])


@given(scale=st.floats(1e-30, 1e30))
def test_a_sum_of_any_size_is_refused(scale):
    def scaled(y_hat, y):
        return scale * summed(y_hat, y)

    with pytest.raises(ValueError, match="got a sum"):
        d2l.evaluate(model(), data(), scaled)


@pytest.mark.parametrize("worst", [math.inf, math.nan])
def test_a_loss_without_a_finite_value_is_no_sum_but_diverges(worst):
    net = model()
    with pytest.raises(d2l.training.Diverged, match=r"loss is (nan|inf) in epoch 1"):
        d2l.fit(net, data(), None, lambda a, b: loss(a, b) * worst, sgd(net), 1)


@pytest.mark.parametrize(
    ("criterion", "optimizer", "words"),
    [
        (nn.CrossEntropyLoss, sgd, "loss: expected a function"),
        (None, sgd, "loss: expected a function"),
        (loss, lambda net: loss, "optimizer: expected one of torch.optim"),
        (loss, lambda net: None, "optimizer: expected one of torch.optim"),
    ],
)
def test_arguments_of_another_kind_are_named(criterion, optimizer, words):
    net = model()
    with pytest.raises(TypeError, match=words):
        d2l.fit(net, data(), None, criterion, optimizer(net), 1)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (torch.ones(2, 4), r"got \(Tensor\)"),
        ([torch.ones(2, 4).numpy()], r"got \(ndarray\)"),
        ([(torch.ones(2, 4), [0, 1])], r"got \(Tensor, list\)"),
        ([(torch.ones(2, 4),)], r"got \(Tensor\)"),
        ([(torch.ones(2, 4), torch.tensor(1))], r"a target with rows, got \(\)"),
        ([(torch.ones(0, 4), torch.ones(0).long())], r"with rows, got \(0,\)"),
        ([], "at least one batch"),
    ],
)
def test_what_is_no_batch_is_named(batches, words):
    net = model()
    with pytest.raises(ValueError, match=f"batches: expected .*{words}"):
        d2l.fit(net, batches, None, loss, sgd(net), 1)
    with pytest.raises(ValueError, match=f"batches: expected .*{words}"):
        d2l.evaluate(net, batches, loss)


def test_the_folder_of_a_checkpoint_is_looked_for_before_training(tmp_path):
    net = model()
    before = parameters(net)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        d2l.fit(net, data(), None, loss, sgd(net), 1, None, tmp_path / "no" / "a.pt")
    with pytest.raises(ValueError, match="is a folder"):
        d2l.fit(net, data(), None, loss, sgd(net), 1, None, tmp_path)
    assert torch.equal(parameters(net), before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 0.1}, "lr of group 0: 0.5 there, 0.1 here"),
        ({"weight_decay": 0.1}, "weight_decay of group 0: 0 there, 0.1 here"),
        ({"kind": torch.optim.Adam}, "optimizer: SGD there, Adam here"),
        ({"metric": d2l.accuracy}, "measures: "),
        ({"layer": nn.Linear(8, 8)}, r"2.weight: None there, \(8, 8\) here"),
        ({"trained": 2}, "params of group 0: 4 there, 2 here"),
        ({"num_epochs": 1}, "epochs: 2 there, 1 here"),
    ],
)
def test_resuming_another_run_says_what_differs(tmp_path, change, words):
    path = tmp_path / "run.pt"
    net = model(nn.Identity())
    d2l.fit(net, data(), None, loss, sgd(net), 2, None, path)
    change = dict(change)
    other = model(change.pop("layer", nn.Identity()))
    metric = change.pop("metric", None)
    kind = change.pop("kind", functools.partial(torch.optim.SGD, momentum=0.9))
    num_epochs = change.pop("num_epochs", 3)
    trained = list(other.parameters())[: change.pop("trained", None)]
    optimizer = kind(trained, **({"lr": 0.5} | change))
    before = parameters(other)
    with pytest.raises(ValueError, match=f"another run; {words}"):
        d2l.fit(other, data(), None, loss, optimizer, num_epochs, metric, path)
    assert torch.equal(parameters(other), before)


@pytest.mark.parametrize("content", ["text", "tensor", "state"])
def test_a_file_that_holds_no_run_is_named(tmp_path, content):
    path = tmp_path / "run.pt"
    if content == "text":
        path.write_text("notes")
    else:
        torch.save(model().state_dict() if content == "state" else torch.ones(2), path)
    net = model()
    with pytest.raises(ValueError, match=r"no checkpoint|holds no run"):
        d2l.fit(net, data(), None, loss, sgd(net), 1, None, path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_do_not_depend_on_the_precision_of_the_outputs(dtype):
    class Half(nn.Module):
        def forward(self, X):
            return X.to(dtype)

    X = torch.zeros(4000, 10)
    batches = d2l.Batches(X, torch.zeros(4000, dtype=torch.long), batch_size=4)
    found = d2l.evaluate(Half(), batches, loss, d2l.accuracy)
    assert found["loss"] == pytest.approx(math.log(10), rel=1e-2)


def test_frozen_modules_stay_frozen():
    net = model(nn.BatchNorm1d(8), nn.Dropout(0.5))
    norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm1d))
    norm.eval()
    start = norm.running_mean.clone()
    d2l.fit(net, data(), data(), loss, sgd(net), 2)
    d2l.evaluate(net, data(), loss)
    assert not norm.training
    assert torch.equal(norm.running_mean, start)
    assert net.training
    net.eval()  # a whole net in evaluation mode trains all the same
    d2l.fit(net, data(), None, loss, sgd(net), 1)
    assert not torch.equal(norm.running_mean, start)
    assert not net.training


def test_an_interruption_while_saving_loses_nothing(tmp_path, monkeypatch, capsys):
    def interrupted(state, target):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    net = model()
    path = tmp_path / "run.pt"
    history = d2l.fit(net, data(), None, loss, sgd(net), 3, None, path)
    assert len(history) == 1
    assert "1 finished" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_an_empty_history_says_that_there_is_nothing_to_plot():
    with pytest.raises(ValueError, match="no epoch has finished yet"):
        d2l.training.History().plot()
