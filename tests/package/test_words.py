"""The corpus is the treebank without unknown words; neighbours and ranks are right."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch.nn import functional as F

from d2lutils import data, words

numbers = st.lists(st.integers(0, 5), min_size=3, max_size=30)


def test_the_treebank_holds_the_known_words_of_each_sentence_in_order():
    vocabulary, corpora = words.treebank()
    sentences = data.penn_treebank()
    for name, corpus in corpora.items():
        assert corpus.words.shape == corpus.sentences.shape
        assert corpus.words.min() >= 1
        known = [w for w in sentences[name][7] if vocabulary.numbers.get(w, 0)]
        assert vocabulary.decode(corpus.words[corpus.sentences == 7]) == known
    counts = corpora["train"].words.bincount(minlength=len(vocabulary))
    assert counts[1:].min() >= 5


def test_the_nearest_are_those_of_a_loop_and_leave_out_the_excluded():
    torch.manual_seed(0)
    vectors, queries = torch.randn(9, 4), torch.randn(2, 3, 4)
    exclude = torch.randint(0, 9, (2, 3, 2))
    cosines, rows = words.nearest(vectors, queries, 3, exclude)
    assert cosines.shape == rows.shape == (2, 3, 3)
    for i in range(2):
        for j in range(3):
            every = torch.cosine_similarity(queries[i, j], vectors)
            every[exclude[i, j]] = -torch.inf
            order = every.argsort(descending=True)[:3]
            assert torch.equal(rows[i, j], order)
            assert torch.allclose(cosines[i, j], every[order])


@given(x=numbers, seed=st.integers(0, 99))
def test_the_rank_correlation_is_that_of_scipy(x, seed):
    torch.manual_seed(seed)
    y = torch.randint(0, 4, (len(x),)).tolist()
    if len(set(x)) < 2 or len(set(y)) < 2:
        with pytest.raises(ValueError, match="two different"):
            words.rank_correlation(x, y)
    else:
        expected = spearmanr(x, y).statistic
        assert words.rank_correlation(x, y) == pytest.approx(expected, abs=1e-9)


def test_a_rank_correlation_needs_equal_lengths():
    with pytest.raises(ValueError, match="equal lengths, got 2 and 3"):
        words.rank_correlation([1, 2], [1, 2, 3])


def test_glove_gives_known_words_their_vectors_and_others_zero():
    names, vectors = data.glove()
    from d2lutils.text import Vocabulary

    vocabulary = Vocabulary([names[3], "no-such-word", names[5]])
    found, known = words.glove(vocabulary)
    assert found.shape == (len(vocabulary), vectors.shape[1])
    for token, number in vocabulary.numbers.items():
        assert bool(known[number]) == (token in (names[3], names[5]))
        expected = vectors[names.index(token)] if known[number] else 0 * vectors[0]
        assert torch.equal(found[number], expected)


def test_the_word_lists_hold_scores_and_questions():
    for pairs in words.similarities().values():
        assert len(pairs) >= 300
        assert all(0 <= score <= 10 for _, _, score in pairs)
    for questions in words.analogies().values():
        assert all(len(question) == 4 for question in questions)


def corpus_of(*lengths, high=6, seed=0):
    """Make sentences of these lengths from a few words."""
    torch.manual_seed(seed)
    numbers = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    return words.Corpus(torch.randint(1, high, (sum(lengths),)), numbers)


def sentences_of(corpus):
    parts = corpus.sentences.unique_consecutive(return_counts=True)[1].tolist()
    return [part.tolist() for part in corpus.words.split(parts)]


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=6), seed=st.integers(0))
def test_contexts_are_those_of_a_loop_and_stay_within_the_sentence(lengths, seed):
    corpus = corpus_of(*lengths, seed=seed % 1000)
    torch.manual_seed(1)
    around = words.contexts(corpus, 3)
    torch.manual_seed(1)
    reach = torch.randint(1, 4, (len(corpus.words),)).tolist()
    for i, row in enumerate(around.tolist()):
        for place, k in zip(row, (-3, -2, -1, 1, 2, 3), strict=True):
            j = i + k
            inside = 0 <= j < len(corpus.words) and abs(k) <= reach[i]
            if inside and corpus.sentences[j] == corpus.sentences[i]:
                assert place == corpus.words[j]
            else:
                assert place == -1


def test_contexts_are_those_of_d2l_but_for_lonely_words(monkeypatch):
    peer = pytest.importorskip("d2l.torch")
    corpus = corpus_of(4, 1, 7, 2)
    torch.manual_seed(1)
    around = words.contexts(corpus, 3)
    torch.manual_seed(1)
    reach = torch.randint(1, 4, (len(corpus.words),))
    # the difference: a sentence of one word has no row there, here one without words
    draws = iter(reach[corpus.sentences != 1].tolist())
    monkeypatch.setattr(peer.random, "randint", lambda low, high: next(draws))
    centers, theirs = peer.get_centers_and_contexts(sentences_of(corpus), 3)
    ours = [row[row >= 0].tolist() for row in around[corpus.sentences != 1]]
    assert centers == corpus.words[corpus.sentences != 1].tolist()
    assert ours == theirs
    assert (around[corpus.sentences == 1] == -1).all()


def test_subsampling_keeps_what_d2l_keeps(monkeypatch):
    peer = pytest.importorskip("d2l.torch")
    torch.manual_seed(0)
    drawn = (torch.rand(20_000) ** 6 * 3000).long() + 1  # shares around 1e-4 and above
    corpus = words.Corpus(drawn, torch.arange(20_000) // 20)
    torch.manual_seed(1)
    kept = words.subsample(corpus, 1e-4)
    torch.manual_seed(1)
    draws = iter(torch.rand(20_000).tolist())
    monkeypatch.setattr(peer.random, "uniform", lambda low, high: next(draws))
    tokens = [[str(n) for n in sentence] for sentence in sentences_of(corpus)]
    theirs, _ = peer.subsample(tokens, peer.Vocab(tokens))
    flat = [int(token) for sentence in theirs for token in sentence]
    assert kept.words.tolist() == flat
    assert 0 < len(flat) < 10_000


def test_subsampling_keeps_the_expected_share_of_each_word():
    drawn = torch.tensor([1] * 90_000 + [2] * 9_000 + [3] * 1_000)
    corpus = words.Corpus(drawn, torch.zeros_like(drawn))
    torch.manual_seed(0)
    counts = words.subsample(corpus, 0.01).words.bincount()
    assert counts[3] == 1_000
    assert counts[2] == pytest.approx(9_000 * (0.01 / 0.09) ** 0.5, rel=0.1)
    assert counts[1] == pytest.approx(90_000 * (0.01 / 0.9) ** 0.5, rel=0.1)


def test_noise_follows_the_power_of_the_counts_and_never_draws_absent_words():
    torch.manual_seed(0)
    counts = torch.tensor([0, 160, 81, 0, 16, 1, 0])
    for exponent in (0, 0.75, 1):
        drawn = words.Noise(counts, exponent).draw(1000, 200)
        expected = counts**exponent * (counts > 0)
        shares = drawn.flatten().bincount(minlength=7) / drawn.numel()
        assert shares[counts == 0].sum() == 0
        assert torch.allclose(shares, expected / expected.sum(), atol=0.005)


def test_the_masked_loss_is_that_of_d2l_up_to_the_weights_of_the_rows():
    peer = pytest.importorskip("d2l.torch")
    batch = [(1, [2, 2], [3, 3, 3, 3]), (1, [2, 2, 2], [3, 3])]
    _, _, mask, y = peer.batchify(batch)
    torch.manual_seed(0)
    scores = torch.randn(mask.shape)
    # d2l's chapter has this loss, its package of version 1.0.3 only the batch
    losses = F.binary_cross_entropy_with_logits(
        scores, y.float(), weight=mask, reduction="none"
    )
    theirs = losses.mean(dim=1) * mask.shape[1] / mask.sum(dim=1)
    # the difference: there each row counts the same, here each score does
    weights = mask.sum(1) / mask.sum()
    ours = words.masked_loss(scores, y.float(), mask.bool())
    assert float(ours) == pytest.approx(float((theirs * weights).sum()), rel=1e-5)
    alone = [
        words.masked_loss(s, t, m)
        for s, t, m in zip(scores, y.float(), mask.bool(), strict=True)
    ]
    assert torch.allclose(torch.stack(alone), theirs)


def test_the_scores_are_products_of_a_centre_and_its_words():
    torch.manual_seed(0)
    net = words.SkipGram(7, 4)
    centers, around = torch.tensor([1, 5]), torch.tensor([[0, 6, 2], [3, 3, 5]])
    scores = net(centers, around)
    for i in range(2):
        for k in range(3):
            product = net.center.weight[centers[i]] @ net.context.weight[around[i, k]]
            assert torch.isclose(scores[i, k], product, atol=1e-6)
    assert net.vectors().shape == (7, 4)
    assert not net.vectors().requires_grad


def test_noise_words_that_are_true_contexts_are_never_counted_as_noise(monkeypatch):
    seen = []

    def spy(scores, y, mask):
        seen.append((y.clone(), mask.clone()))
        return scores.sum() * 0

    monkeypatch.setattr(words, "masked_loss", spy)
    corpus = words.Corpus(torch.tensor([1, 2] * 20), torch.arange(40) // 2)
    words.train_skip_gram(words.SkipGram(3, 2), corpus, 1, threshold=None, window=1)
    ((y, mask),) = seen
    assert mask[:, 0].all()
    assert (y[:, 0] == 1).all() and (y[:, 1:] == 0).all()
    assert 0 < mask[:, 1:].float().mean() < 1  # one of the two words is the context


def test_training_brings_words_of_one_topic_together():
    torch.manual_seed(0)
    topics = torch.arange(600) % 2
    drawn = torch.randint(1, 6, (600, 8)) + 5 * topics[:, None]
    corpus = words.Corpus(drawn.flatten(), torch.arange(600).repeat_interleave(8))
    net = words.SkipGram(11, 8)
    losses = words.train_skip_gram(net, corpus, 15, 0.02, 512, 3, threshold=None)
    assert losses[-1] < losses[0] - 0.02
    table = net.vectors()
    _, rows = words.nearest(table[1:], table[1:], 1, torch.arange(10)[:, None])
    assert torch.equal(rows[:, 0] // 5, torch.arange(10) // 5)
