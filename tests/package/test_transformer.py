"""Transformers: equal to PyTorch, causal, and blind to padding."""

import math

import pytest
import torch
from torch import nn

import d2lutils as d2l
from d2lutils.attention import MultiHeadAttention, sinusoids
from d2lutils.transformer import GPT, Block, CachedGPT, attend, generate


def theirs(attention):
    """Return PyTorch's attention with the same parameters."""
    h = attention.W_q.in_features
    layer = nn.MultiheadAttention(h, attention.num_heads, batch_first=True)
    parts = attention.W_q, attention.W_k, attention.W_v
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        layer.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        layer.out_proj.load_state_dict(attention.W_o.state_dict())
    return layer


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return MultiHeadAttention(12, 3)


def test_heads_equal_pytorch(attention):
    X, memory = torch.randn(2, 4, 12), torch.randn(2, 5, 12)
    valid = torch.arange(5) < torch.tensor([5, 2])[:, None, None]
    expected, weights = theirs(attention)(
        X, memory, memory, key_padding_mask=~valid[:, 0], average_attn_weights=False
    )
    assert torch.allclose(attention(X, memory, valid), expected, atol=1e-6)
    assert torch.allclose(attention.weights(X, memory, valid), weights, atol=1e-6)


def test_causal_attention_equals_its_mask(attention):
    X = torch.randn(2, 6, 12)
    below = torch.ones(6, 6).tril().bool()
    assert torch.allclose(attention(X, causal=True), attention(X, valid=below[None]))
    assert not torch.allclose(attention(X, causal=True), attention(X), atol=1e-3)


def test_heads_must_divide_the_size():
    with pytest.raises(ValueError, match="5 heads do not divide 12"):
        MultiHeadAttention(12, 5)


def test_sinusoids_by_the_formula():
    P = sinusoids(50, 6)
    for t in (0, 1, 49):
        for j in range(3):
            angle = t / 10000 ** (2 * j / 6)
            assert P[t, 2 * j] == pytest.approx(math.sin(angle), abs=1e-5)
            assert P[t, 2 * j + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_a_block_equals_pytorch():
    torch.manual_seed(0)
    block = Block(12, 3)
    layer = nn.TransformerEncoderLayer(
        12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True
    )
    layer.self_attn = theirs(block.attention)
    for ours, other in (
        (block.norm_1, layer.norm1),
        (block.norm_2, layer.norm2),
        (block.mlp[0], layer.linear1),
        (block.mlp[2], layer.linear2),
    ):
        nn.init.normal_(ours.weight)
        other.load_state_dict(ours.state_dict())
    X = torch.randn(2, 5, 12)
    valid = torch.arange(5) < torch.tensor([5, 2])[:, None, None]
    expected = layer.train()(X, src_key_padding_mask=~valid[:, 0])
    assert torch.allclose(block(X, valid), expected, atol=1e-5)


def test_padding_changes_no_output():
    torch.manual_seed(0)
    block, X = Block(12, 3), torch.randn(1, 5, 12)
    wild = X.clone()
    wild[:, 3:] = 1000 * torch.randn(2, 12)
    valid = torch.arange(5)[None, None] < 3
    assert torch.allclose(block(X, valid)[:, :3], block(wild, valid)[:, :3], atol=1e-5)
    assert not torch.allclose(block(X)[:, :3], block(wild)[:, :3], atol=1e-2)


@pytest.fixture
def gpt():
    torch.manual_seed(0)
    net = GPT(10, 8, 12, 3, 2).to(d2l.device())
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net


def test_later_tokens_change_no_earlier_score(gpt):
    X = torch.randint(10, (2, 8), device=d2l.device())
    Y = X.clone()
    Y[:, 5:] = (Y[:, 5:] + 1) % 10
    before, after = gpt(X)[0], gpt(Y)[0]
    assert torch.allclose(before[:, :5], after[:, :5], atol=1e-5)
    assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-2)


def test_the_order_of_earlier_tokens_counts(gpt):
    X = torch.tensor([[1, 2, 3], [2, 1, 3]], device=d2l.device())
    scores, state = gpt(X)
    assert state is None
    assert scores.shape == (2, 3, 10)
    assert not torch.allclose(scores[0, 2], scores[1, 2], atol=1e-2)


def test_the_start_keeps_the_scale():
    torch.manual_seed(0)
    net = GPT(50, 16, 64, 4, 8)
    H = net.tokens(torch.randint(50, (4, 16))) + net.positions.weight
    scale = H.std()
    for block in net.blocks:
        H = block(H, causal=True)
    assert 0.7 < H.std() / scale < 1.5
    assert torch.equal(net.positions.weight, sinusoids(16, 64))
    deviation = net.blocks[0].mlp[-1].weight.detach().std()
    assert float(deviation) == pytest.approx(256**-0.5 / 4, rel=0.05)


def test_a_row_that_is_too_long(gpt):
    with pytest.raises(ValueError, match="at most 8 tokens, got 9"):
        gpt(torch.zeros(1, 9, dtype=torch.int64, device=d2l.device()))


def test_greedy_text_goes_on_beyond_the_window(gpt):
    X = torch.randint(10, (2, 3))
    written = generate(gpt, X, 10, temperature=0).cpu()
    assert written.shape == (2, 13)
    assert torch.equal(written[:, :3], X)
    for t in range(3, 13):
        window = written[:, max(0, t - 8) : t].to(d2l.device())
        assert torch.equal(gpt(window)[0][:, -1].argmax(1).cpu(), written[:, t])
    assert gpt.training


def test_text_is_drawn_in_proportion(gpt):
    X = torch.tensor([[1, 2, 3]]).expand(4000, 3)
    drawn = generate(gpt, X, 1, temperature=2.0)[:, 3]
    share = drawn.bincount(minlength=10) / 4000
    with torch.inference_mode():
        expected = (gpt(X[:1].to(d2l.device()))[0][0, -1] / 2).softmax(0)
    assert (share - expected).abs().max() < 0.04


def test_wrong_arguments_of_generate(gpt):
    with pytest.raises(ValueError, match="at least one"):
        generate(gpt, torch.zeros(1, 0, dtype=torch.int64), 1)
    with pytest.raises(ValueError, match="temperature"):
        generate(gpt, torch.zeros(1, 1, dtype=torch.int64), 1, temperature=-1)


def test_gpt_learns_as_a_recurrent_model_does():
    torch.manual_seed(0)
    text = torch.arange(7).repeat(200)
    batches = d2l.text.TokenBatches(text, 16, 8, shuffle=True)
    test = d2l.text.TokenBatches(text[:300], 4, 8)
    net = GPT(7, 8, 16, 2, 1)
    history = d2l.recurrent.train(net, batches, test, 5, lr=0.01)
    assert history.last["test_perplexity"] < 1.1 < history["train_perplexity"][0]


def test_gpt_is_the_network_of_gpt_2(gpt):
    transformers = pytest.importorskip("transformers")
    reference = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=10,
            n_positions=8,
            n_embd=12,
            n_layer=2,
            n_head=3,
            activation_function="gelu",
            tie_word_embeddings=False,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()
    body = reference.transformer
    pairs = [
        (body.wte, gpt.tokens),
        (body.wpe, gpt.positions),
        (body.ln_f, gpt.norm),
    ]
    with torch.no_grad():
        for theirs, block in zip(body.h, gpt.blocks, strict=True):
            attention = block.attention
            parts = attention.W_q, attention.W_k, attention.W_v
            # its layers hold the transpose of ours
            theirs.attn.c_attn.weight.copy_(torch.cat([p.weight for p in parts]).T)
            theirs.attn.c_attn.bias.copy_(torch.cat([p.bias for p in parts]))
            for layer, ours in (
                (theirs.attn.c_proj, attention.W_o),
                (theirs.mlp.c_fc, block.mlp[0]),
                (theirs.mlp.c_proj, block.mlp[2]),
            ):
                layer.weight.copy_(ours.weight.T)
                layer.bias.copy_(ours.bias)
            pairs += [(theirs.ln_1, block.norm_1), (theirs.ln_2, block.norm_2)]
        for theirs, ours in pairs:
            theirs.load_state_dict(ours.state_dict())
        reference.lm_head.weight.copy_(gpt.output.weight)
        X = torch.randint(10, (2, 8))
        expected = reference(X).logits
        scores = gpt(X.to(d2l.device()))[0].cpu() - gpt.output.bias.cpu()
    assert torch.allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize("pieces", [(8,), (1,) * 8, (3, 1, 4)])
def test_the_cache_changes_no_score(gpt, pieces):
    X = torch.randint(10, (2, 8), device=d2l.device())
    cache = CachedGPT(gpt.eval(), num_rows=2)
    scores = torch.cat([cache.read(piece) for piece in X.split(pieces, 1)], 1)
    assert torch.allclose(scores, gpt(X)[0], atol=1e-5)
    assert cache.length == 8


def test_the_cache_is_what_later_tokens_see(gpt):
    X = torch.randint(10, (1, 8), device=d2l.device())
    cache = CachedGPT(gpt.eval())
    cache.read(X[:, :5])
    cache.values[:, :, :, 2] = 0
    assert not torch.allclose(cache.read(X[:, 5:]), gpt(X)[0][:, 5:], atol=1e-2)


def test_heads_share_keys_as_pytorch_shares_them():
    torch.manual_seed(0)
    attention, X = MultiHeadAttention(12, 3), torch.randn(2, 5, 12)
    for name in ("W_k", "W_v"):
        setattr(attention, name, nn.Linear(12, 4))
    K, V = torch.zeros(2, 2, 1, 5, 4)
    below = torch.ones(5, 5).tril().bool()
    with torch.no_grad():
        found = attend(attention, X, K, V, 0, below)
    many = MultiHeadAttention(12, 3)
    many.load_state_dict(
        {
            name: value.repeat(3, *[1] * (value.ndim - 1))
            if name[:3] in ("W_k", "W_v")
            else value
            for name, value in attention.state_dict().items()
        }
    )
    assert torch.allclose(found, many(X, causal=True), atol=1e-6)
