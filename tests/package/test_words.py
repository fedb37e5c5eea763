"""The corpus is the treebank without unknown words; neighbours and ranks are right."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

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
