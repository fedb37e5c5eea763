"""Convolutional networks for images, from one filter to DenseNet (chapter 5).

The networks take ``image``, the shape (channels, height, width) of one image,
and ``width``, the share of the paper's channels that they keep.
"""

import copy
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils.batches import Batches
from d2lutils.environment import device
from d2lutils.training import History, accuracy, fit

Shape = tuple[int, int, int]
SMALL: Shape = (1, 32, 32)


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Return the cross-correlation of an image with a kernel (section 5.1).

    Args:
        X: image, shape (h, w).
        K: kernel, shape (k_h, k_w), no larger than the image.

    Returns:
        Shape (h - k_h + 1, w - k_w + 1), the dtype of ``X``.
    """
    h, w = K.shape
    Y = X.new_zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def output_size(
    size: int, kernel_size: int, padding: int = 0, stride: int = 1, dilation: int = 1
) -> int:
    """Return how many positions a kernel has along an axis (section 5.2).

    Args:
        size: length of the axis, in pixels.
        kernel_size: entries of the kernel along it.
        padding: zeros added at each of the two ends.
        stride: pixels from one position to the next.
        dilation: pixels from one entry of the kernel to the next.
    """
    reach = dilation * (kernel_size - 1) + 1
    return (size + 2 * padding - reach) // stride + 1


class Cost(NamedTuple):
    """What a network needs: numbers to learn, and multiplications an image."""

    parameters: int
    multiplications: int


def cost(net: nn.Module, image: Shape) -> Cost:
    """Count parameters, and the multiplications of one image (section 5.3).

    Multiplications are those of convolutions and dense layers; each comes with
    an addition. Nothing is computed for a network on the ``meta`` device.

    Args:
        net: takes inputs of shape (1, *image); left as it is.
        image: channels, height and width.
    """
    from torch.utils.flop_counter import FlopCounterMode  # slow to import

    net = copy.deepcopy(net).eval()
    parameters = list(net.parameters())
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net(torch.zeros(1, *image, device=parameters[0].device))
    return Cost(
        sum(parameter.numel() for parameter in parameters),
        counter.get_total_flops() // 2,
    )


def train(
    net: nn.Module, batches: Batches, test: Batches, num_epochs: int, lr: float
) -> History:
    """Train a classifier of images with Adam and cross-entropy (section 5.5).

    The learning rate falls in a straight line, from ``lr`` to zero.

    Args:
        net: moves to ``d2l.device()``, its kernels in channels-last order.
        batches: images, float32 (n, channels, h, w), and labels, int64 (n,).
        test: held-out images and labels.
        num_epochs: passes over the training images.
        lr: learning rate of the first step.

    Returns:
        Loss and accuracy, training and test, of each epoch.
    """
    net.to(device(), memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    steps = num_epochs * len(batches)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    loss = nn.CrossEntropyLoss()
    return fit(net, batches, test, loss, optimizer, num_epochs, accuracy)


def kaiming(net: nn.Module) -> nn.Module:
    """Initialize the kernels and matrices of a ReLU network, and return it.

    Explained in section 3.15; He et al. (2015), arXiv 1502.01852.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net


def scaled(width: float, *channels: int) -> list[int]:
    """Return the share ``width`` of each number of channels, at least 1."""
    return [max(1, round(width * number)) for number in channels]


def num_features(features: nn.Module, image: Shape) -> int:
    """Return how many numbers a network makes of one image."""
    with torch.no_grad():
        return features(torch.zeros(1, *image)).numel()


def lenet(image: Shape = (1, 28, 28), num_classes: int = 10) -> nn.Sequential:
    """Return LeNet-5 (section 5.5; LeCun et al., 1998, doi 10.1109/5.726791).

    Its output layer is a plain dense one, and its pooling has no parameters.
    """
    features = nn.Sequential(
        nn.Conv2d(image[0], 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
    )
    return nn.Sequential(
        *features,
        nn.Linear(num_features(features, image), 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, num_classes),
    )


def alexnet(
    image: Shape = (1, 64, 64), num_classes: int = 10, width: float = 1 / 8
) -> nn.Sequential:
    """Return AlexNet in one column (section 5.6; Krizhevsky et al., 2012).

    Without its normalization of responses, and with each layer seeing all
    channels of the one before.
    """
    c1, c2, c3, c4 = scaled(width, 96, 256, 384, 4096)
    features = nn.Sequential(
        nn.Conv2d(image[0], c1, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(c1, c2, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(c2, c3, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(c3, c3, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(c3, c2, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Flatten(),
    )
    head = dense_head(num_features(features, image), c4, num_classes)
    return kaiming(nn.Sequential(*features, *head))


def dense_head(inputs: int, hiddens: int, num_classes: int) -> nn.Sequential:
    """Return the three dense layers that end AlexNet and VGG (section 5.6)."""
    return nn.Sequential(
        nn.Linear(inputs, hiddens),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hiddens, hiddens),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(hiddens, num_classes),
    )


def vgg_block(num_convs: int, inputs: int, outputs: int) -> nn.Sequential:
    """Return 3 x 3 convolutions and a pooling layer that halves (section 5.7)."""
    layers = []
    for i in range(num_convs):
        convolution = nn.Conv2d(outputs if i else inputs, outputs, 3, padding=1)
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def vgg(
    image: Shape = SMALL,
    num_classes: int = 10,
    width: float = 1 / 8,
    depths: tuple[int, ...] = (1, 1, 2, 2, 2),
) -> nn.Sequential:
    """Return VGG-11 (section 5.7; Simonyan and Zisserman, 2014, arXiv 1409.1556).

    Args:
        depths: convolutions in each block; (2, 2, 3, 3, 3) is VGG-16.
    """
    channels = [image[0], *scaled(width, 64, 128, 256, 512, 512)]
    blocks = [
        vgg_block(depth, inputs, outputs)
        for depth, (inputs, outputs) in zip(depths, pairwise(channels), strict=True)
    ]
    features = nn.Sequential(*blocks, nn.Flatten())
    (hiddens,) = scaled(width, 4096)
    head = dense_head(num_features(features, image), hiddens, num_classes)
    return kaiming(nn.Sequential(*features, *head))


def nin_block(kernel_size: int, inputs: int, *channels: int) -> nn.Sequential:
    """Return a convolution and 1 x 1 convolutions after it (section 5.8)."""
    layers = [
        nn.Conv2d(inputs, channels[0], kernel_size, padding=kernel_size // 2),
        nn.ReLU(),
    ]
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 1), nn.ReLU()]
    return nn.Sequential(*layers)


def nin(
    image: Shape = SMALL, num_classes: int = 10, width: float = 1 / 4
) -> nn.Sequential:
    """Return network in network (section 5.8; Lin et al., 2013, arXiv 1312.4400).

    The form for images of 32 x 32; the last of its maps are the classes.
    """
    c1, c2, c3 = scaled(width, 192, 160, 96)
    return kaiming(
        nn.Sequential(
            nin_block(5, image[0], c1, c2, c3),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Dropout(0.5),
            nin_block(5, c3, c1, c1, c1),
            nn.AvgPool2d(3, stride=2, padding=1),
            nn.Dropout(0.5),
            nin_block(3, c1, c1, c1, num_classes)[:-1],
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
    )


class Inception(nn.Module):
    """Four paths side by side, joined along the channels (section 5.9).

    Args:
        inputs: channels of the input.
        c1: of the 1 x 1 path.
        c3: of the 3 x 3 path, before and after its second convolution.
        c5: of the 5 x 5 path, likewise.
        pool: of the path with pooling.
    """

    def __init__(
        self, inputs: int, c1: int, c3: tuple[int, int], c5: tuple[int, int], pool: int
    ):
        super().__init__()
        self.path1 = nn.Sequential(nn.Conv2d(inputs, c1, 1), nn.ReLU())
        self.path3 = nn.Sequential(
            nn.Conv2d(inputs, c3[0], 1),
            nn.ReLU(),
            nn.Conv2d(c3[0], c3[1], 3, padding=1),
            nn.ReLU(),
        )
        self.path5 = nn.Sequential(
            nn.Conv2d(inputs, c5[0], 1),
            nn.ReLU(),
            nn.Conv2d(c5[0], c5[1], 5, padding=2),
            nn.ReLU(),
        )
        self.pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(inputs, pool, 1), nn.ReLU()
        )

    def forward(self, X: Tensor) -> Tensor:
        """Take (n, inputs, h, w); return (n, c1 + c3[1] + c5[1] + pool, h, w)."""
        paths = (self.path1, self.path3, self.path5, self.pool)
        return torch.cat([path(X) for path in paths], dim=1)


# Szegedy et al. (2014), table 1: a row an Inception block, a list a stage
INCEPTIONS = (
    (
        (64, (96, 128), (16, 32), 32),
        (128, (128, 192), (32, 96), 64),
    ),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    (
        (256, (160, 320), (32, 128), 128),
        (384, (192, 384), (48, 128), 128),
    ),
)


def googlenet(
    image: Shape = SMALL, num_classes: int = 10, width: float = 1 / 4
) -> nn.Sequential:
    """Return GoogLeNet (section 5.9; Szegedy et al., 2014, arXiv 1409.4842).

    Without its normalization of responses and its auxiliary classifiers.
    """
    c1, c2, channels = scaled(width, 64, 64, 192)
    layers = [
        nn.Conv2d(image[0], c1, 7, stride=2, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(c1, c2, 1),
        nn.ReLU(),
        nn.Conv2d(c2, channels, 3, padding=1),
        nn.ReLU(),
    ]
    for stage in INCEPTIONS:
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        for one, three, five, pool in stage:
            one, r3, c3, r5, c5, pool = scaled(width, one, *three, *five, pool)
            layers.append(Inception(channels, one, (r3, c3), (r5, c5), pool))
            channels = one + c3 + c5 + pool
    return kaiming(
        nn.Sequential(
            *layers,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.4),
            nn.Linear(channels, num_classes),
        )
    )


class Residual(nn.Module):
    """Two convolutions that learn a difference from their input (section 5.11).

    He et al. (2015), arXiv 1512.03385. Where the shape changes, a 1 x 1
    convolution brings the input into the new one.

    Args:
        inputs, outputs: channels.
        stride: of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, X: Tensor) -> Tensor:
        """Take (n, inputs, h, w); return (n, outputs, ceil(h / stride), ...)."""
        return F.relu(self.layers(X) + self.shortcut(X))


def resnet(
    image: Shape = SMALL,
    num_classes: int = 10,
    width: float = 1 / 4,
    depths: tuple[int, ...] = (2, 2, 2, 2),
) -> nn.Sequential:
    """Return ResNet-18 (section 5.11; He et al., 2015, arXiv 1512.03385).

    Args:
        depths: residual blocks in each stage; (3, 4, 6, 3) is ResNet-34.
    """
    channels, *stages = scaled(width, 64, 64, 128, 256, 512)
    layers = [
        nn.Conv2d(image[0], channels, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    for stage, (depth, outputs) in enumerate(zip(depths, stages, strict=True)):
        for i in range(depth):
            stride = 2 if stage > 0 and i == 0 else 1
            layers.append(Residual(channels, outputs, stride))
            channels = outputs
    return kaiming(
        nn.Sequential(
            *layers,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, num_classes),
        )
    )


class DenseBlock(nn.Module):
    """Layers that each see the maps of all before them (section 5.12).

    Huang et al. (2016), arXiv 1608.06993. Each layer adds ``growth`` channels:
    batch normalization, ReLU, 1 x 1 to four times as many, again, 3 x 3.
    """

    def __init__(self, depth: int, inputs: int, growth: int):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, 4 * growth, 1, bias=False),
                nn.BatchNorm2d(4 * growth),
                nn.ReLU(),
                nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
            for channels in range(inputs, inputs + depth * growth, growth)
        )

    def forward(self, X: Tensor) -> Tensor:
        """Take (n, inputs, h, w); return (n, inputs + depth * growth, h, w)."""
        for layer in self.layers:
            X = torch.cat((X, layer(X)), dim=1)
        return X


def transition(inputs: int, outputs: int) -> nn.Sequential:
    """Return what halves height and width between dense blocks (section 5.12)."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.AvgPool2d(2),
    )


def densenet(
    image: Shape = SMALL,
    num_classes: int = 10,
    width: float = 1 / 2,
    depths: tuple[int, ...] = (2, 2, 2, 2),
) -> nn.Sequential:
    """Return a DenseNet (section 5.12; Huang et al., 2016, arXiv 1608.06993).

    Args:
        depths: layers in each block; (6, 12, 24, 16) is DenseNet-121.
    """
    channels, growth = scaled(width, 64, 32)
    layers = [
        nn.Conv2d(image[0], channels, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    for block, depth in enumerate(depths):
        if block > 0:
            layers.append(transition(channels, channels // 2))
            channels //= 2
        layers.append(DenseBlock(depth, channels, growth))
        channels += depth * growth
    return kaiming(
        nn.Sequential(
            *layers,
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, num_classes),
        )
    )
