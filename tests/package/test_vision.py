"""Networks of chapter 5 against torchvision, the papers and the peer course."""

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

import d2lutils as d2l
from d2lutils import vision

PHOTOGRAPH = (3, 224, 224)
SAME_AS_TORCHVISION = {
    "vgg11": lambda: vision.vgg(PHOTOGRAPH, 1000, 1),
    "vgg16": lambda: vision.vgg(PHOTOGRAPH, 1000, 1, (2, 2, 3, 3, 3)),
    "resnet18": lambda: vision.resnet(PHOTOGRAPH, 1000, 1),
    "resnet34": lambda: vision.resnet(PHOTOGRAPH, 1000, 1, (3, 4, 6, 3)),
    "densenet121": lambda: vision.densenet(PHOTOGRAPH, 1000, 1, (6, 12, 24, 16)),
}
NETWORKS = {
    vision.lenet: (1, 28, 28),
    vision.alexnet: (1, 64, 64),
    vision.vgg: vision.SMALL,
    vision.nin: vision.SMALL,
    vision.googlenet: vision.SMALL,
    vision.resnet: vision.SMALL,
    vision.densenet: vision.SMALL,
}


@pytest.fixture
def peer():
    return pytest.importorskip("d2l.torch")


sizes = st.integers(1, 6)


@given(kernel=st.tuples(sizes, sizes), rest=st.tuples(sizes, sizes))
def test_corr2d_is_the_convolution_of_pytorch(kernel, rest):
    torch.manual_seed(0)
    X = torch.randn(*(k + r - 1 for k, r in zip(kernel, rest, strict=True)))
    K = torch.randn(*kernel)
    expected = F.conv2d(X[None, None], K[None, None])[0, 0]
    assert torch.allclose(vision.corr2d(X, K), expected, atol=1e-5)


def test_corr2d_equals_the_peer(peer):
    X, K = torch.randn(6, 8), torch.randn(2, 3)
    assert torch.equal(vision.corr2d(X, K), peer.corr2d(X, K))


@given(
    size=st.integers(1, 40),
    kernel_size=st.integers(1, 7),
    padding=st.integers(0, 3),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
)
def test_the_output_size_is_that_of_pytorch(
    size, kernel_size, padding, stride, dilation
):
    ours = vision.output_size(size, kernel_size, padding, stride, dilation)
    layer = nn.Conv1d(1, 1, kernel_size, stride, padding, dilation)
    if ours < 1:
        with pytest.raises(RuntimeError):
            layer(torch.zeros(1, 1, size))
    else:
        assert layer(torch.zeros(1, 1, size)).shape[-1] == ours


@pytest.mark.parametrize("name", SAME_AS_TORCHVISION)
def test_the_literature_form_costs_what_torchvision_s_costs(name):
    with torch.device("meta"):
        ours = vision.cost(SAME_AS_TORCHVISION[name](), PHOTOGRAPH)
        theirs = vision.cost(getattr(torchvision.models, name)(), PHOTOGRAPH)
    assert ours == theirs


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_torchvision_s_parameters_give_its_outputs(name):
    ours = SAME_AS_TORCHVISION[name]().eval()
    theirs = getattr(torchvision.models, name)().eval()
    tensors = theirs.state_dict().values()
    names = ours.state_dict().keys()
    ours.load_state_dict(dict(zip(names, tensors, strict=True)))
    X = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(ours(X), theirs(X), atol=1e-4)


def test_sizes_of_the_papers():
    with torch.device("meta"):
        lenet = vision.cost(vision.lenet(), (1, 28, 28))
        alexnet = vision.alexnet((3, 227, 227), 1000, 1)
        googlenet = vision.googlenet(PHOTOGRAPH, 1000, 1)
        nin = vision.cost(vision.nin((3, 32, 32), 10, 1), (3, 32, 32))
    assert lenet.parameters == 61_706
    assert vision.cost(alexnet, (3, 227, 227)).parameters == 62_378_344
    assert vision.cost(googlenet, PHOTOGRAPH).parameters == 6_998_552
    assert nin.parameters == 966_986


def test_inception_blocks_have_the_channels_of_table_1():
    net = vision.googlenet(width=1)
    blocks = [block for block in net if isinstance(block, vision.Inception)]
    X = torch.zeros(1, 192, 2, 2)
    channels = [(X := block(X)).shape[1] for block in blocks]
    assert channels == [256, 480, 512, 512, 512, 528, 832, 832, 1024]
    first = [sum(p.numel() for p in block.parameters()) for block in blocks[:2]]
    assert first == pytest.approx([159 * 1024, 380 * 1024], abs=1024)  # its 159K, 380K


def test_residual_equals_the_peer(peer):
    """The peer's kernels have a bias, and its shortcut is not normalized."""
    ours, theirs = vision.Residual(3, 6, stride=2), peer.Residual(6, True, 2)
    ours.shortcut[1] = nn.Identity()
    X = torch.randn(4, 3, 8, 8)
    theirs(X)  # gives its lazy layers their shapes
    convolutions = {
        "conv1": ours.layers[0],
        "conv2": ours.layers[3],
        "conv3": ours.shortcut[0],
    }
    with torch.no_grad():
        for name, convolution in convolutions.items():
            convolution.weight.copy_(getattr(theirs, name).weight)
        theirs.conv3.bias.zero_()  # the other two, normalization takes away
    assert torch.allclose(ours(X), theirs(X), atol=1e-4)


@pytest.mark.parametrize("build", NETWORKS)
def test_every_network_gives_scores_and_depends_on_every_parameter(build):
    torch.manual_seed(0)
    image = NETWORKS[build]
    net = build(image)
    y_hat = net(torch.randn(4, *image))
    assert y_hat.shape == (4, 10)
    y_hat.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


@pytest.mark.parametrize("build", NETWORKS)
def test_width_scales_channels_and_another_number_of_classes_fits(build):
    if build is vision.lenet:
        return
    image = NETWORKS[build]
    narrow, wide = build(image, 5, 1 / 8), build(image, 5, 1 / 4)
    assert vision.cost(narrow, image).parameters < vision.cost(wide, image).parameters
    assert narrow.eval()(torch.zeros(1, *image)).shape == (1, 5)


def test_cost_counts_a_small_network_as_by_hand_and_leaves_it_alone():
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 5)
    )
    found = vision.cost(net, (2, 4, 4))
    assert found.parameters == (2 * 9 * 3 + 3) + 2 * 3 + (48 * 5 + 5)
    assert found.multiplications == 2 * 9 * 3 * 16 + 48 * 5
    assert net.training
    assert net[1].num_batches_tracked == 0


def test_a_dense_block_keeps_what_came_in():
    block = vision.DenseBlock(depth=3, inputs=4, growth=2)
    X = torch.randn(2, 4, 5, 5)
    Y = block(X)
    assert Y.shape == (2, 10, 5, 5)
    assert torch.equal(Y[:, :4], X)


def test_training_lets_the_rate_fall_to_zero():
    torch.manual_seed(0)
    X, y = torch.randn(64, 1, 8, 8), torch.arange(64) % 2
    X[y == 1] += 1
    batches = d2l.Batches(X, y, batch_size=16, shuffle=True)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    rates = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"])
    )
    history = vision.train(net, batches, batches, num_epochs=3, lr=0.01)
    hook.remove()
    assert len(rates) == 12
    assert rates == pytest.approx([0.01 * (12 - i) / 12 for i in range(12)])
    assert history["test_accuracy"][-1] > 0.9


def test_images_of_another_size():
    train, test = d2l.load_fashion_mnist(32, num_train=64, num_test=10, size=20)
    same, _ = d2l.load_fashion_mnist(32, num_train=64, num_test=10)
    assert next(iter(train))[0].shape == (32, 1, 20, 20)
    assert next(iter(test))[0].shape == (10, 1, 20, 20)
    small, large = train.tensors[0].float(), same.tensors[0].float()
    assert small.mean() == pytest.approx(large.mean().item(), abs=1)
    with pytest.raises(ValueError, match="size: expected an int from 1 to 1024"):
        d2l.load_fashion_mnist(size=0)
