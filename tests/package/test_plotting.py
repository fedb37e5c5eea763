"""Figures: what is drawn is what was given."""

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lutils as d2l


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_curves_labels_and_scales():
    ax = d2l.plot(
        torch.tensor([1.0, 2.0]),
        {"a": torch.tensor([3.0, 4.0]), "b": [5.0]},
        "epoch",
        "loss",
        "Title",
        yscale="log",
    )
    first, second = ax.lines
    assert first.get_xydata().tolist() == [[1, 3], [2, 4]]
    assert second.get_xydata().tolist() == [[1, 5]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == (
        "epoch",
        "loss",
        "Title",
    )
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


@settings(max_examples=20)
@given(values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_without_positions_epochs_are_counted_from_one(values):
    ax = d2l.plot(None, {"a": values}, "epoch", "loss")
    assert ax.lines[0].get_xdata().tolist() == list(range(1, len(values) + 1))
    assert ax.lines[0].get_ydata().tolist() == values
    assert ax.get_legend() is None
    plt.close("all")


def test_an_axes_can_be_given():
    _, (left, right) = d2l.subplots(1, 2)
    assert d2l.plot(None, {"a": [1.0]}, "x", "y", ax=right) is right
    assert not left.lines


def test_bad_curves_are_named():
    with pytest.raises(ValueError, match="curves"):
        d2l.plot(None, {}, "x", "y")
    with pytest.raises(ValueError, match="'a' has 3 values for 2 positions"):
        d2l.plot([1, 2], {"a": [1, 2, 3]}, "x", "y")


def test_the_style_stays_within_the_figure():
    before = dict(plt.rcParams)
    d2l.subplots()
    assert dict(plt.rcParams) == before


@settings(max_examples=15)
@given(n=st.integers(1, 12), ncols=st.integers(1, 6))
def test_every_image_has_its_place(n, ncols):
    fig = d2l.show_images(torch.rand(n, 1, 4, 4), [str(i) for i in range(n)], ncols)
    shown = [ax for ax in fig.axes if ax.images]
    assert [ax.get_title() for ax in shown] == [str(i) for i in range(n)]
    plt.close("all")


def test_colour_images_and_bytes():
    images = torch.zeros(2, 3, 4, 5, dtype=torch.uint8)
    fig = d2l.show_images(images)
    assert fig.axes[0].images[0].get_array().shape == (4, 5, 3)


def test_bad_images_are_named():
    with pytest.raises(ValueError, match=r"images: .*got \(4, 4\)"):
        d2l.show_images(torch.zeros(4, 4))
    with pytest.raises(ValueError, match="titles: expected 2, got 1"):
        d2l.show_images(torch.zeros(2, 4, 4), ["one"])


def test_a_backend_that_turns_interactive_stays_so(monkeypatch):
    """As a notebook's backend does when the first figure is made."""
    made = plt.subplots

    def subplots(*arguments, **keywords):
        plt.interactive(True)
        return made(*arguments, **keywords)

    monkeypatch.setattr(plt, "subplots", subplots)
    try:
        d2l.subplots()
        assert plt.isinteractive()
    finally:
        plt.interactive(False)


@pytest.mark.parametrize(
    ("images", "largest"),
    [
        (torch.tensor([[[True, False]]]), 1.0),
        (torch.tensor([[[255, 0]]], dtype=torch.uint8), 1.0),
        (torch.tensor([[[255, 0]]]), 1.0),
        (torch.tensor([[[0.5, 0.0]]], requires_grad=True), 0.5),
        (torch.tensor([[[0.5, 0.0]]], dtype=torch.bfloat16), 0.5),
        (torch.tensor([[[0.5, 0.0]]], dtype=torch.float64), 0.5),
        (torch.tensor([[[7.0, -1.0]]]), 1.0),
    ],
)
def test_images_of_every_dtype_and_scale_are_visible(images, largest):
    shown = d2l.show_images(images).axes[0].get_images()[0]
    assert shown.get_array().tolist() == [[largest, 0.0]]
    assert shown.get_clim() == (0, 1)


def test_arrays_and_lists_of_images_are_shown():
    image = torch.rand(3, 4, 4)
    for images in (image[None].numpy(), [image, image], [image.numpy()]):
        shown = d2l.show_images(images).axes[0].get_images()[0].get_array()
        assert torch.equal(torch.as_tensor(shown), image.permute(1, 2, 0))
    for none in ([], torch.zeros(0, 4, 4)):
        with pytest.raises(ValueError, match="images: expected at least one"):
            d2l.show_images(none)
    with pytest.raises(ValueError, match="ncols: expected at least 1, got 0"):
        d2l.show_images(image, ncols=0)


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor([1.0, 2.0], requires_grad=True),
        [torch.tensor(1.0, requires_grad=True), torch.tensor(2.0)],
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
        torch.tensor([1, 2]).numpy(),
        (1, 2.0),
        map(float, (1, 2)),
    ],
)
def test_numbers_of_every_kind_are_drawn(values):
    ax = d2l.plot(None, {"a": values}, "epoch", "loss", xscale="log")
    assert ax.get_lines()[0].get_xydata().tolist() == [[1, 1], [2, 2]]
