"""EfficientNet-Lite0, a network for photographs that comes trained (section 9.2).

Tan and Le (2019), arXiv 1905.11946. The light edition has ReLU6 in place of Swish
and no squeeze-and-excitation; its blocks are those of MobileNetV2, Sandler et al.
(2018), arXiv 1801.04381.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils import data

# kernel size, stride of the first block, expansion, channels, blocks
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def normalize(images: Tensor) -> Tensor:
    """Return uint8 images as the float32 numbers, about -1 to 1, it was trained on."""
    return (images.to(torch.float32) - 127) / 128


class SameConv2d(nn.Conv2d):
    """A convolution whose output has size / stride pixels, rounded up.

    Where the zeros to pad are odd in number, one more stands below and to the right.
    """

    def forward(self, X: Tensor) -> Tensor:
        pads = []
        for axis in (1, 0):  # F.pad begins with the last axis
            size, stride = X.shape[2 + axis], self.stride[axis]
            reach = (-(-size // stride) - 1) * stride + self.kernel_size[axis]
            pad = max(reach - size, 0)
            pads += [pad // 2, pad - pad // 2]
        return super().forward(F.pad(X, pads) if any(pads) else X)


def conv(
    inputs: int, outputs: int, kernel_size: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Return a convolution without a bias, and its batch normalization."""
    kernel = SameConv2d(inputs, outputs, kernel_size, stride, groups=groups, bias=False)
    return [kernel, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]


class InvertedResidual(nn.Module):
    """Widen by 1 x 1, filter each channel by itself, narrow by 1 x 1."""

    def __init__(
        self, inputs: int, outputs: int, kernel_size: int, stride: int, expansion: int
    ):
        super().__init__()
        width = expansion * inputs
        widen = [*conv(inputs, width), nn.ReLU6()] if expansion > 1 else []
        self.layers = nn.Sequential(
            *widen,
            *conv(width, width, kernel_size, stride, groups=width),
            nn.ReLU6(),
            *conv(width, outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, X: Tensor) -> Tensor:
        return X + self.layers(X) if self.adds else self.layers(X)


class EfficientNetLite0(nn.Module):
    """``classifier(pool(head(blocks(stem(X)))))``, X float32 (n, 3, h, w).

    ``stem`` halves height and width, the 16 ``blocks`` take a sixteenth of the rest,
    ``head`` makes 1,280 channels, ``pool`` averages over places.
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        self.stem = nn.Sequential(*conv(3, 32, 3, 2), nn.ReLU6())
        blocks, inputs = [], 32
        for kernel_size, first, expansion, outputs, number in STAGES:
            for stride in (first, *[1] * (number - 1)):
                blocks.append(
                    InvertedResidual(inputs, outputs, kernel_size, stride, expansion)
                )
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*conv(inputs, 1280), nn.ReLU6())
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, X: Tensor) -> Tensor:
        return self.classifier(self.pool(self.head(self.blocks(self.stem(X)))))


def lite0(pretrained: bool = True) -> EfficientNetLite0:
    """Return EfficientNet-Lite0 for the 1,000 classes of ImageNet.

    Args:
        pretrained: with the weights of ``d2l.data.efficientnet_lite0``.

    Raises:
        DataUnavailable: no source gives the weights.
    """
    net = EfficientNetLite0()
    if pretrained:  # the file lists the same tensors in the same order
        weights = data.efficientnet_lite0().values()
        net.load_state_dict(dict(zip(net.state_dict(), weights, strict=True)))
    return net
