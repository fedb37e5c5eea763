"""Sentences become numbers and come back; held-out ones were never trained on."""

import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from d2lutils import translation
from d2lutils.attention import DotProductAttention
from d2lutils.environment import device
from d2lutils.training import Diverged
from d2lutils.translation import (
    BEGIN,
    END,
    PADDING,
    UNKNOWN,
    AttentionSeq2Seq,
    SentenceVocabulary,
    Seq2Seq,
    beam_search,
    bleu,
    bleu_score,
    greedy,
    length_batches,
    perplexity,
    shifted,
    train,
)


def test_marks_have_their_numbers_and_sentences_come_back():
    vocabulary = SentenceVocabulary([["a", "b"], ["a"]])
    assert vocabulary.tokens == ["<unk>", "<pad>", "<bos>", "<eos>", "a", "b"]
    rows = vocabulary.pad([["b", "a", "z"], ["a"]])
    assert rows.tolist() == [[5, 4, UNKNOWN, END], [4, END, PADDING, PADDING]]
    assert vocabulary.sentence(rows[0]) == ["b", "a", "<unk>"]
    assert vocabulary.sentence(rows[1]) == ["a"]
    assert vocabulary.sentence(torch.tensor([BEGIN, 4])) == ["<bos>", "a"]


@pytest.mark.parametrize(
    ("cut", "text", "expected"),
    [
        (translation.english, "I'm OK, Tom!", ["i'm", "ok", ",", "tom", "!"]),
        (translation.chinese, "Tom有2本书?", ["Tom", "有", "2", "本", "书", "？"]),
    ],
)
def test_sentences_are_cut(cut, text, expected):
    assert cut(text) == expected


def test_no_held_out_sentence_was_trained_on_and_lengths_are_kept():
    train, test = translation.tatoeba(6, 8)
    for side in ("source", "target"):
        known = {tuple(sentence) for sentence in getattr(train, side)}
        assert not known & {tuple(sentence) for sentence in getattr(test, side)}
    assert max(map(len, train.source + test.source)) <= 6
    assert max(map(len, train.target + test.target)) <= 8
    assert 0.02 < len(test.source) / len(train.source) < 0.1
    assert translation.tatoeba(6, 8) == (train, test)


def test_the_loss_is_the_mean_over_what_is_no_padding():
    torch.manual_seed(0)
    scores, y = torch.randn(3, 4, 6), torch.randint(2, 6, (3, 4))
    y[0, 2:] = y[2, 1:] = PADDING
    rows = [F.cross_entropy(scores[i, j], y[i, j]) for i, j in (y != PADDING).nonzero()]
    assert torch.isclose(translation.masked_loss(scores, y), torch.stack(rows).mean())


def pairs(count, longest=5):
    """Return random sources (count, longest + 1) and their reversals, padded."""
    source = torch.full((count, longest + 1), PADDING)
    target = source.clone()
    for i in range(count):
        tokens = torch.randint(4, 9, (int(torch.randint(1, longest + 1, ())),))
        source[i, : len(tokens) + 1] = torch.tensor([*tokens, END])
        target[i, : len(tokens) + 1] = torch.tensor([*tokens.flip(0), END])
    return source, target


def test_a_decoder_reads_the_begin_first_and_never_what_it_must_write():
    target = torch.tensor([[5, 6, END], [7, END, PADDING]])
    assert shifted(target).tolist() == [[BEGIN, 5, 6], [BEGIN, 7, END]]
    torch.manual_seed(0)
    source, target = pairs(6)
    net, changed = Seq2Seq(9, 9, 8), target.clone()
    changed[:, 2:] = 8
    scores, others = net(source, shifted(target)), net(source, shifted(changed))
    assert torch.equal(scores[:, :3], others[:, :3])
    assert not torch.allclose(scores[:, 3:], others[:, 3:])


def test_padding_changes_nothing_and_each_row_is_on_its_own():
    torch.manual_seed(0)
    source, target = pairs(7)
    net = Seq2Seq(9, 9, 8)
    scores = net(source, shifted(target))
    wider = F.pad(source, (0, 3), value=PADDING)
    assert torch.allclose(net(wider, shifted(target)), scores, atol=1e-6)
    for i in range(7):
        row = source[i : i + 1, : int((source[i] != PADDING).sum())]
        alone = net(row, shifted(target)[i : i + 1])
        assert torch.allclose(alone[0], scores[i], atol=1e-6)


def test_steps_give_what_all_steps_at_once_give():
    torch.manual_seed(0)
    source, target = pairs(7)
    net, target_in = Seq2Seq(9, 9, 8), shifted(target)
    state, scores = net.start(source), []
    for tokens in target_in.unbind(1):
        step, state = net.step(tokens, state)
        scores.append(step)
    at_once = net(source, target_in)
    assert torch.allclose(torch.stack(scores, 1), at_once, atol=1e-6)


def test_the_encoder_is_that_of_d2l_but_for_padding():
    peer = pytest.importorskip("d2l.torch")
    torch.manual_seed(0)
    source, _ = pairs(20)
    net, theirs = translation.Encoder(9, 8), peer.Seq2SeqEncoder(9, 8, 8, 1)
    theirs.embedding.load_state_dict(net.embedding.state_dict())
    theirs.rnn.rnn.load_state_dict(net.rnn.state_dict())
    whole = (source != PADDING).all(1)
    assert 0 < int(whole.sum()) < 20
    close = torch.isclose(net(source), theirs(source)[1][0], atol=1e-6).all(1)
    # the difference: their state has read the padding, too
    assert close.tolist() == whole.tolist()


def test_batches_hold_each_pair_once_of_similar_length_and_no_idle_column():
    torch.manual_seed(0)
    source, target = pairs(50)
    first, second = (list(length_batches(source, target, 8)) for _ in range(2))
    seen = []
    for X, y in first:
        assert (X != PADDING).any(0).all()
        assert (y != PADDING).any(0).all()
        lengths = (y != PADDING).sum(1)
        assert int(lengths.max() - lengths.min()) <= 1
        for row, reversal in zip(X, y, strict=True):
            row, reversal = row[row != PADDING], reversal[reversal != PADDING]
            assert row[:-1].flip(0).tolist() == reversal[:-1].tolist()
            seen.append(row.tolist())
    assert sorted(seen) == sorted(row[row != PADDING].tolist() for row in source)
    assert len(first) == 7
    sizes = [[len(y[0]) for _, y in batches] for batches in (first, second)]
    assert sizes[0] != sizes[1]
    assert sizes[0] != sorted(sizes[0])


def test_training_learns_to_reverse_and_greedy_writes_it():
    torch.manual_seed(0)
    source, target = pairs(600, 3)
    net = Seq2Seq(9, 9, 32)
    history = train(net, source, target, 12, 0.01, 32, held_out=(source, target))
    assert history["train_loss"][0] > 3 * history["train_loss"][-1]
    assert history["test_perplexity"][-1] == perplexity(net, source, target)
    assert history["test_perplexity"][-1] < 1.2
    written = greedy(net, source, 6).cpu()
    right = (written[:, :4] == target).all(1)
    assert right.float().mean() > 0.9
    assert (written[right][:, 4:] == PADDING).all()


def test_perplexity_is_that_of_each_token_on_its_own():
    torch.manual_seed(0)
    source, target = pairs(300)
    net = Seq2Seq(9, 9, 8).to(device())
    scores = net(source.to(device()), shifted(target).to(device())).cpu()
    log_p = scores.log_softmax(2).gather(2, target[..., None])[..., 0]
    expected = torch.exp(-log_p[target != PADDING].mean()).detach()
    assert perplexity(net, source, target) == pytest.approx(float(expected), rel=1e-5)
    assert net.training


def test_a_gradient_is_clipped_and_a_loss_that_is_no_number_is_told(monkeypatch):
    torch.manual_seed(0)
    source, target = pairs(8)
    norms = []

    class Watched(torch.optim.SGD):
        def __init__(self, parameters, lr, fused):
            super().__init__(parameters, lr)

        def step(self):
            gradients = [p.grad.flatten() for p in self.param_groups[0]["params"]]
            norms.append(float(torch.cat(gradients).norm()))

    monkeypatch.setattr(torch.optim, "Adam", Watched)

    def steep(scores, y):
        return 1000 * translation.masked_loss(scores, y)

    net = Seq2Seq(9, 9, 8)
    train(net, source, target, 1, 0.1, 4, loss=steep, clip=0.5)
    assert norms == pytest.approx([0.5, 0.5], rel=1e-3)
    with pytest.raises(Diverged, match="epoch 1"):
        train(net, source, target, 1, 0.1, 4, loss=lambda s, y: s.sum() * torch.nan)


def test_greedy_stops_at_the_end_and_writes_padding_after_it():
    class Fixed:
        def start(self, source):
            return (source,)

        def step(self, tokens, state):
            (left,) = state
            return F.one_hot(left[:, 0], 9).float(), (left.roll(-1, 1),)

    source = torch.tensor([[5, 6, END, 7], [END, 5, 5, 5], [4, 4, 4, 4]])
    expected = [[5, 6, END, PADDING], [END, *[PADDING] * 3], [4] * 4]
    assert greedy(Fixed(), source, 4).tolist() == expected


KINDS = {
    "default": lambda: None,
    "scaled": lambda: DotProductAttention(),
    "plain": lambda: DotProductAttention(scaled=False),
}


@pytest.fixture(params=KINDS)
def attentive(request):
    """Return a small untrained network for each kind of attention."""
    torch.manual_seed(0)
    return AttentionSeq2Seq(9, 9, 8, KINDS[request.param]())


def test_padding_gets_no_weight_and_changes_nothing(attentive):
    torch.manual_seed(1)
    source, target = pairs(7)
    target_in = shifted(target)
    scores, weights = attentive.attend(target_in, attentive.start(source))
    padded = (source == PADDING)[:, None].expand_as(weights)
    assert padded.any()
    assert (weights[padded] == 0).all()
    assert torch.allclose(weights.sum(2), torch.ones(7, target.shape[1]), atol=1e-6)
    wider = F.pad(source, (0, 3), value=PADDING)
    assert torch.allclose(attentive(wider, target_in), scores, atol=1e-6)
    for i in range(7):
        row = source[i : i + 1, : int((source[i] != PADDING).sum())]
        alone = attentive(row, target_in[i : i + 1])
        assert torch.allclose(alone[0], scores[i], atol=1e-6)


def test_attention_reads_no_later_token_and_all_of_the_source(attentive):
    torch.manual_seed(1)
    source, target = pairs(6)
    changed = target.clone()
    changed[:, 2:] = 8
    scores, others = (attentive(source, shifted(y)) for y in (target, changed))
    assert torch.equal(scores[:, :3], others[:, :3])
    assert not torch.allclose(scores[:, 3:], others[:, 3:])
    for column in range(source.shape[1]):
        rows = source[:, column] != PADDING
        other = source.clone()
        other[rows, column] = 4 + (other[rows, column] - 3) % 5
        moved = (attentive(other, shifted(target)) - scores).abs().amax((1, 2)) > 1e-6
        assert torch.equal(moved, rows)


def test_attentive_steps_give_what_all_steps_at_once_give(attentive):
    torch.manual_seed(1)
    source, target = pairs(7)
    target_in = shifted(target)
    state, scores = attentive.start(source), []
    for tokens in target_in.unbind(1):
        step, state = attentive.step(tokens, state)
        scores.append(step)
    at_once = attentive(source, target_in)
    assert torch.allclose(torch.stack(scores, 1), at_once, atol=1e-6)


def test_the_answer_is_what_the_equations_say():
    torch.manual_seed(0)
    net = AttentionSeq2Seq(9, 9, 8, DotProductAttention(scaled=False))
    source, tokens = torch.tensor([[5, 6, END]]), torch.tensor([[BEGIN, 7]])
    decoder, (states, valid, first) = net.decoder, net.start(source)
    assert valid.all()
    X = net.encoder.embedding(source)
    forward, backward = nn.GRU(8, 4, batch_first=True), nn.GRU(8, 4, batch_first=True)
    for layer, suffix in ((forward, ""), (backward, "_reverse")):
        for name, parameter in layer.named_parameters():
            parameter.data = getattr(net.encoder.rnn, name + suffix).data
    (right, last), (left, begin) = forward(X), backward(X.flip(1))
    expected = torch.cat((right, left.flip(1)), dim=2)
    assert torch.allclose(states, expected, atol=1e-6)
    assert torch.allclose(first, torch.cat((last[0], begin[0]), dim=1), atol=1e-6)
    scores, weights = net.attend(tokens, (states, valid, first))
    H = decoder.rnn(decoder.embedding(tokens), first[None])[0][0]
    for step, query in enumerate(H):
        alpha = torch.softmax(states[0] @ query, dim=0)
        assert torch.allclose(weights[0, step], alpha, atol=1e-6)
        joined = torch.cat((alpha @ states[0], query))
        row = decoder.output(torch.tanh(decoder.combine(joined)))
        assert torch.allclose(scores[0, step], row, atol=1e-6)


def test_attention_learns_to_reverse_and_the_weights_run_backwards():
    torch.manual_seed(0)
    source, target = pairs(600)
    net = AttentionSeq2Seq(9, 9, 32)
    history = train(net, source, target, 12, 0.01, 32, held_out=(source, target))
    assert history["test_perplexity"][-1] < 1.1
    written = greedy(net, source, 6)
    beams, _ = beam_search(net, source, 6, 3)
    for tokens in (written, beams[:, 0]):
        assert (tokens.cpu() == target).all(1).float().mean() > 0.9
    start = net.start(source.to(device()))
    weights = net.attend(shifted(target).to(device()), start)[1].cpu()
    for length in (3, 4, 5):  # the first of a sentence is read from its end
        rows = weights[(source != PADDING).sum(1) == length + 1, :length, :length]
        first, last = rows[:, 0].mean(0), rows[:, -1].mean(0)
        assert first[length - 1] > first[0]
        assert last[0] > last[length - 1]


def sentences(count, longest, seed):
    """Return random sentences of few words, so that n-grams match and repeat."""
    generator = random.Random(seed)
    lengths = [generator.randint(1, longest) for _ in range(count)]
    return [generator.choices("aab", k=length) for length in lengths]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "copies"), [(4, 1), (4, 3), (2, 2), (1, 1)])
def test_bleu_is_that_of_sacrebleu(seed, n, copies):
    BLEU = pytest.importorskip("sacrebleu.metrics").BLEU
    translations = sentences(100, 9, seed)
    streams = [sentences(100, 14 - seed, 10 + seed + i) for i in range(copies)]
    peer = BLEU(tokenize="none", smooth_method="none", max_ngram_order=n)
    expected = peer.corpus_score(
        [" ".join(tokens) for tokens in translations],
        [[" ".join(tokens) for tokens in stream] for stream in streams],
    )
    ours = bleu(translations, list(zip(*streams, strict=True)), n)
    assert ours == pytest.approx(expected.score / 100, abs=1e-9)
    assert 0.01 < ours < 1


def test_bleu_clips_punishes_brevity_and_sums_before_it_divides():
    right = ["the", "cat", "is", "on", "the", "mat"]
    assert bleu([right], [[right]]) == 1
    assert bleu([["the"] * 6], [[right]], n=1) == pytest.approx(2 / 6)
    assert bleu([right[:4]], [[right]]) == pytest.approx(math.exp(1 - 6 / 4))
    assert bleu([[*right, "now"]], [[right]], n=1) == pytest.approx(6 / 7)
    assert bleu([right[:5]], [[right, right[:4], [*right, "x"]]]) == 1  # 4 is closest
    assert bleu([["a", "b"], ["c"] * 6], [[["a", "b"]], [["d"] * 6]], n=1) == 2 / 8


def test_bleu_is_0_without_a_match_of_some_order():
    right = list("abcde")
    assert bleu([list("abcxe")], [[right]], n=3) > 0
    assert bleu([list("abcxe")], [[right]]) == 0
    assert bleu([right[:3]], [[right[:3]]]) == 0  # no n-gram of four
    assert bleu([[]], [[right]]) == 0
    with pytest.raises(ValueError, match="zip"):
        bleu([right], [])
    counts = torch.tensor([[1, 0, 2, 1, 2, 9], [0, 0, 0, 0, 0, 0]]).double()
    assert bleu_score(counts).tolist() == [0, 0]


def test_the_bleu_of_d2l_weighs_the_orders_otherwise():
    peer = pytest.importorskip("d2l.torch").bleu
    for translation_, right in zip(
        sentences(40, 9, 0), sentences(40, 9, 1), strict=True
    ):
        theirs = peer(" ".join(translation_), " ".join(right), 1)
        penalty = math.exp(min(0, 1 - len(right) / len(translation_)))
        # the exponent of the order n is 1 / 2^n there, not 1 / 4 or 1
        ours = bleu([translation_], [[right]], n=1)
        assert ours / penalty == pytest.approx((theirs / penalty) ** 2)
    right = list("abcde")
    for size in (4, 5):  # where all that is written is right, both mean the same
        theirs = peer(" ".join(right[:size]), " ".join(right), 4)
        assert bleu([right[:size]], [[right]]) == pytest.approx(theirs)
    assert peer("a b c", "a b c", 4) == 1  # orders that are too long are left out there
    assert bleu([list("abc")], [[list("abc")]]) == 0
