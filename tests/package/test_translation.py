"""Sentences become numbers and come back; held-out ones were never trained on."""

import pytest
import torch
from torch.nn import functional as F

from d2lutils import translation
from d2lutils.translation import BEGIN, END, PADDING, UNKNOWN, SentenceVocabulary


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
