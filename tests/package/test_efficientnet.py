"""EfficientNet-Lite0 against the paper's numbers, and its weights on a photograph."""

import pytest
import torch
from torch.nn import functional as F

import d2lutils as d2l
from d2lutils import efficientnet
from d2lutils.data.catalogue import find
from d2lutils.data.local import locate

EGYPTIAN_CAT = 285  # of ImageNet's 1,000 classes


@pytest.mark.parametrize("size", [(128, 128), (97, 130)])
def test_each_stage_rounds_up_what_it_halves(size):
    net = efficientnet.lite0(pretrained=False).eval()
    with torch.inference_mode():
        features = net.head(net.blocks(net.stem(torch.zeros(1, 3, *size))))
    assert features.shape == (1, 1280, *(-(-side // 32) for side in size))


def test_parameters_are_those_of_the_network_that_was_trained():
    cost = d2l.vision.cost(efficientnet.lite0(pretrained=False), (3, 224, 224))
    assert round(cost.parameters / 1e6, 1) == 4.7
    assert round(cost.multiplications / 1e6) in range(380, 410)


def test_the_weights_recognize_a_cat():
    photographs = find("photographs")
    if not all(locate(photographs, file) for file in photographs.files):
        pytest.skip("the real photographs are not here: fetch them")
    net = efficientnet.lite0().eval()
    cat = d2l.data.photograph("chelsea")[None].float()
    X = efficientnet.normalize(F.interpolate(cat, (224, 224)))
    with torch.inference_mode():
        probabilities = net(X).softmax(dim=1)[0]
    assert probabilities.argmax() == EGYPTIAN_CAT
