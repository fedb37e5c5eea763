"""Mini-batches: every row once, in the promised order, at the promised size."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import d2lutils as d2l

sizes = st.integers(1, 40)


@given(n=sizes, batch_size=sizes, shuffle=st.booleans())
def test_an_epoch_holds_every_row_once(n, batch_size, shuffle):
    batches = d2l.Batches(
        torch.arange(n) * 2, torch.arange(n), batch_size=batch_size, shuffle=shuffle
    )
    pairs = list(batches)
    assert len(pairs) == len(batches)
    assert all(len(y) == batch_size for _, y in pairs[:-1])
    X, y = (torch.cat(column) for column in zip(*pairs, strict=True))
    assert torch.equal(X, y * 2)
    assert torch.equal(y.sort().values, torch.arange(n))
    assert shuffle or torch.equal(y, torch.arange(n))


def test_the_seed_fixes_the_order_and_epochs_differ():
    batches = d2l.Batches(
        torch.zeros(50), torch.arange(50), batch_size=50, shuffle=True
    )

    def order():
        return next(iter(batches))[1]

    torch.manual_seed(1)
    first, second = order(), order()
    torch.manual_seed(1)
    assert torch.equal(order(), first)
    assert not torch.equal(first, second)


def test_transform_changes_each_batch_of_X_alone():
    X = torch.tensor([[0, 255]], dtype=torch.uint8)
    ((scaled, y),) = d2l.Batches(
        X, torch.ones(1), batch_size=1, transform=lambda X: X / 255
    )
    assert scaled.dtype == torch.float32
    assert scaled.tolist() == [[0.0, 1.0]]
    assert y.tolist() == [1.0]


def test_to_keeps_everything_but_the_device():
    batches = d2l.Batches(
        torch.zeros(3), torch.zeros(3), batch_size=2, shuffle=True, transform=torch.neg
    )
    moved = batches.to("meta")
    assert {value.device.type for value in moved.tensors} == {"meta"}
    assert (moved.batch_size, moved.shuffle, moved.transform) == (2, True, torch.neg)


def test_any_number_of_tensors():
    ids, lengths, y = torch.arange(12).reshape(6, 2), torch.ones(6), torch.arange(6)
    for ids_batch, lengths_batch, y_batch in d2l.Batches(
        ids, lengths, y, batch_size=4, shuffle=True
    ):
        assert torch.equal(ids_batch, ids[y_batch])
        assert lengths_batch.shape == y_batch.shape
    assert [len(batch) for (batch,) in d2l.Batches(y, batch_size=4)] == [4, 2]


ONE, TWO, THREE = torch.zeros(1), torch.zeros(2), torch.zeros(3)


@pytest.mark.parametrize(
    ("tensors", "batch_size", "error", "words"),
    [
        ((), 1, ValueError, "at least one"),
        (([1, 2], TWO), 1, TypeError, "expected tensors, got a .*list"),
        ((TWO, None), 1, TypeError, "expected tensors, got a .*None"),
        ((torch.zeros(0, 3), torch.zeros(0)), 1, ValueError, "one row"),
        ((torch.tensor(1.0), ONE), 1, ValueError, "one row"),
        ((TWO, THREE), 1, ValueError, r"\[2, 3\]"),
        ((TWO, TWO, ONE), 1, ValueError, r"\[2, 2, 1\]"),
        ((TWO, TWO.to("meta")), 1, ValueError, "one device"),
        ((TWO, TWO), 0, ValueError, "batch_size: .* got 0"),
        ((TWO, TWO), -3, ValueError, "batch_size: .* got -3"),
        ((TWO, TWO), 2.0, ValueError, "batch_size: .*int"),
        ((TWO, TWO), True, ValueError, "batch_size: .*int"),
    ],
)
def test_bad_arguments_are_named(tensors, batch_size, error, words):
    with pytest.raises(error, match=words):
        d2l.Batches(*tensors, batch_size=batch_size)


@pytest.fixture
def numbered_images(monkeypatch):
    """Fashion-MNIST of 200 and 1200 images, each in the grey of its number."""
    rows = torch.arange(1200) % 256
    images = rows.to(torch.uint8)[:, None, None, None].expand(-1, 1, 28, 28)
    data = SimpleNamespace(
        train_images=images[:200],
        train_labels=rows[:200],
        test_images=images,
        test_labels=rows,
    )
    monkeypatch.setitem(
        d2l.load_fashion_mnist.__globals__, "fashion_mnist", lambda: data
    )


def test_training_images_come_in_a_new_order_each_epoch(numbered_images):
    train, test = d2l.load_fashion_mnist(batch_size=64)
    torch.manual_seed(0)
    first, second = (torch.cat([y for _, y in train]) for _ in range(2))
    in_order = torch.arange(200)
    assert not torch.equal(first, in_order)
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, in_order)
    held_out = torch.cat([y for _, y in test])
    assert torch.equal(held_out, torch.arange(1200) % 256)


def test_images_keep_their_labels_and_lie_in_0_to_1(numbered_images):
    for batches, size in zip(
        d2l.load_fashion_mnist(batch_size=64, num_train=130), (64, 1000), strict=True
    ):
        X, y = next(iter(batches))
        assert X.dtype == torch.float32
        assert X.shape == (size, 1, 28, 28)
        assert torch.equal(X[:, 0, 5, 5], y / 255)
    train, _ = d2l.load_fashion_mnist(batch_size=64, num_train=130)
    assert [len(y) for _, y in train] == [64, 64, 2]
