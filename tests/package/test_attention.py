"""Attention against PyTorch, loops and the peer course; padding changes nothing."""

import pytest
import torch
from torch.nn import functional as F

from d2lutils.attention import AdditiveAttention, DotProductAttention, masked_softmax

LENGTHS = torch.tensor([5, 3, 1])
KINDS = {
    "dot": lambda: DotProductAttention(),
    "plain": lambda: DotProductAttention(scaled=False),
    "additive": lambda: AdditiveAttention(4, 4, 8),
}


def mask(lengths, num_keys=5):
    return torch.arange(num_keys) < lengths[:, None, None]


def inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = (3, 2, 4), (3, 5, 4), (3, 5, 6)
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.fixture
def peer():
    return pytest.importorskip("d2l.torch", reason="make setup installs the peer")


@pytest.fixture(params=KINDS)
def attention(request):
    torch.manual_seed(0)
    return KINDS[request.param]()


def test_weights_are_a_softmax_over_the_valid_keys():
    scores = torch.randn(3, 2, 5)
    weights = masked_softmax(scores, mask(LENGTHS))
    for row, length in enumerate(LENGTHS):
        assert torch.allclose(
            weights[row, :, :length], scores[row, :, :length].softmax(-1)
        )
        assert (weights[row, :, length:] == 0).all()
    assert torch.equal(masked_softmax(scores), scores.softmax(-1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_row_without_valid_keys_gets_zeros_and_no_gradient(dtype):
    scores = torch.randn(3, 2, 5, dtype=dtype, requires_grad=True)
    valid = mask(torch.tensor([5, 0, 2]))
    weights = masked_softmax(scores, valid)
    weights.square().sum().backward()
    assert (weights[1] == 0).all()
    assert (scores.grad[1] == 0).all()
    assert scores.grad.isfinite().all()
    assert (scores.grad[0] != 0).any()
    assert weights.dtype == dtype


def test_very_low_scores_still_share_the_weight_among_valid_keys():
    scores = torch.tensor([[-1e30, -1e30, 0.0]])
    weights = masked_softmax(scores, torch.tensor([True, True, False]))
    assert torch.equal(weights, torch.tensor([[0.5, 0.5, 0.0]]))


def test_shapes(attention):
    outputs, weights = attention(*inputs(), mask(LENGTHS))
    assert outputs.shape == (3, 2, 6)
    assert weights.shape == (3, 2, 5)
    assert torch.allclose(weights.sum(-1), torch.ones(3, 2))


@pytest.mark.parametrize("lengths", [LENGTHS, torch.tensor([0, 5, 2])])
def test_the_scaled_dot_product_is_that_of_pytorch(lengths):
    Q, K, V = inputs()
    valid = mask(lengths)
    outputs, _ = DotProductAttention()(Q, K, V, valid)
    expected = F.scaled_dot_product_attention(Q, K, V, attn_mask=valid)
    assert torch.allclose(outputs, expected, atol=1e-6)
    plain, _ = DotProductAttention(scaled=False)(Q, K, V, valid)
    expected = F.scaled_dot_product_attention(Q, K, V, attn_mask=valid, scale=1.0)
    assert torch.allclose(plain, expected, atol=1e-6)
    assert not torch.allclose(plain, outputs, atol=0.01)


def test_a_mask_for_each_query():
    Q, K, V = inputs()
    valid = torch.rand(3, 2, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    outputs, _ = DotProductAttention()(Q, K, V, valid)
    expected = F.scaled_dot_product_attention(Q, K, V, attn_mask=valid)
    assert torch.allclose(outputs, expected, atol=1e-6)


def test_additive_scores_are_those_of_each_pair():
    torch.manual_seed(0)
    attention = AdditiveAttention(3, 4, 8)
    Q, K = torch.randn(2, 3, 3), torch.randn(2, 5, 4)
    _, weights = attention(Q, K, K)
    for i in range(2):
        for j in range(3):
            scores = [
                attention.w_v.weight[0]
                @ torch.tanh(
                    attention.W_q.weight @ Q[i, j] + attention.W_k.weight @ key
                )
                for key in K[i]
            ]
            expected = torch.stack(scores).softmax(0)
            assert torch.allclose(weights[i, j], expected, atol=1e-6)


def test_padding_changes_no_output_and_gets_no_gradient(attention):
    Q, K, V = inputs()
    valid = mask(torch.tensor([5, 3, 0]))
    before = attention(Q, K, V, valid)
    padded = ~valid.transpose(1, 2)
    K, V = K + 1000 * padded, (V - 1000 * padded)
    K.requires_grad_(), V.requires_grad_()
    outputs, weights = attention(Q, K, V, valid)
    assert torch.equal(outputs, before[0])
    assert torch.equal(weights, before[1])
    outputs.square().sum().backward()
    for tensor in (K, V):
        assert (tensor.grad * padded == 0).all()
    assert not torch.allclose(attention(Q, K, V)[0], outputs, atol=1)


def test_the_order_of_the_pairs_does_not_matter(attention):
    Q, K, V = inputs()
    order = torch.tensor([3, 0, 4, 1, 2])
    outputs, weights = attention(Q, K, V)
    again, moved = attention(Q, K[:, order], V[:, order])
    assert torch.allclose(again, outputs, atol=1e-6)
    assert torch.allclose(moved, weights[..., order], atol=1e-6)


def test_the_masked_softmax_of_the_peer(peer):
    scores = torch.randn(3, 2, 5)
    theirs = peer.masked_softmax(scores.clone(), LENGTHS)
    assert torch.allclose(masked_softmax(scores, mask(LENGTHS)), theirs)


def test_the_peer_spreads_weights_evenly_where_no_key_is_valid(peer):
    """There ours gives zeros: the one difference, and it is meant."""
    scores, lengths = torch.randn(3, 2, 5), torch.tensor([5, 0, 2])
    theirs = peer.masked_softmax(scores.clone(), lengths)
    ours = masked_softmax(scores, mask(lengths))
    assert torch.allclose(theirs[1], torch.full((2, 5), 0.2))
    assert (ours[1] == 0).all()
    assert torch.allclose(theirs[[0, 2]], ours[[0, 2]])


def test_the_sequence_mask_of_the_peer(peer):
    X = torch.randn(3, 5)
    theirs = peer.sequence_mask(X.clone(), LENGTHS, value=-1)
    assert torch.equal(X.masked_fill(~mask(LENGTHS)[:, 0], -1), theirs)


def test_the_attentions_of_the_peer(peer):
    Q, K, V = inputs()
    theirs = peer.DotProductAttention(dropout=0)
    outputs, weights = DotProductAttention()(Q, K, V, mask(LENGTHS))
    assert torch.allclose(outputs, theirs(Q, K, V, LENGTHS), atol=1e-6)
    assert torch.allclose(weights, theirs.attention_weights, atol=1e-6)
    ours, theirs = AdditiveAttention(4, 4, 8), peer.AdditiveAttention(8, dropout=0)
    theirs(Q, K, V, LENGTHS)  # its layers are lazy
    theirs.load_state_dict(ours.state_dict())
    outputs, weights = ours(Q, K, V, mask(LENGTHS))
    assert torch.allclose(outputs, theirs(Q, K, V, LENGTHS), atol=1e-6)
    assert torch.allclose(weights, theirs.attention_weights, atol=1e-6)
