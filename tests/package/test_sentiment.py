"""Reviews are split without overlap, padded behind, and known by training alone."""

import pytest
import torch

from d2lutils import sentiment


def test_padding_stands_behind_and_long_texts_are_cut():
    vocabulary = sentiment.ReviewVocabulary([["a", "b", "a"], ["a", "c"]], min_count=2)
    assert vocabulary.tokens == ["<unk>", "<pad>", "a"]
    assert vocabulary.pad([["a", "b"], ["a", "a", "a", "b"]], 3).tolist() == [
        [2, 0, 1],
        [2, 2, 2],
    ]


def test_the_parts_share_no_text_and_keep_their_labels():
    texts = [[f"w{i}", "x"] for i in range(100)]
    vocabulary, parts = sentiment.prepared(texts, [i % 2 for i in range(100)], 2, 1)
    again = sentiment.prepared(texts, [i % 2 for i in range(100)], 2, 1)[1]
    assert [len(part.y) for part in parts.values()] == [70, 10, 20]
    assert all(torch.equal(parts[name].X, again[name].X) for name in parts)
    train = parts["train"]
    for row, label in zip(train.X, train.y, strict=True):
        assert int(vocabulary.decode(row)[0][1:]) % 2 == label
    assert (parts["test"].X[:, 0] == sentiment.UNKNOWN).all()  # seen in no other part


@pytest.mark.parametrize("by", ["characters", "words"])
def test_chinese_tokens_make_up_the_text(by):
    texts, labels = sentiment.hotel_reviews(by)
    assert len(texts) == len(labels)
    assert set(labels) == {0, 1}
    assert (max(map(len, texts[0])) == 1) == (by == "characters")


def test_what_is_no_way_to_cut_is_said():
    with pytest.raises(ValueError, match="'characters' or 'words', got 'letters'"):
        sentiment.hotel_reviews("letters")


@pytest.mark.parametrize("kind", ["bag", "averaged", "lstm"])
def test_more_padding_changes_no_score(kind):
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(9, 4)
    net = {
        "bag": sentiment.BagOfWords(9),
        "averaged": sentiment.AveragedVectors(embedding),
        "lstm": sentiment.BiLSTM(embedding, 3),
    }[kind].eval()
    if kind == "bag":
        torch.nn.init.normal_(net.scores.weight)
    X = torch.tensor([[2, 3, 4], [5, sentiment.PADDING, sentiment.PADDING]])
    longer = torch.nn.functional.pad(X, (0, 4), value=sentiment.PADDING)
    assert net(X).shape == (2, 2)
    torch.testing.assert_close(net(X), net(longer))


def test_only_the_lstm_knows_the_order():
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(9, 4)
    X, turned = torch.tensor([[2, 3, 4, 5]]), torch.tensor([[5, 4, 3, 2]])
    averaged = sentiment.AveragedVectors(embedding).eval()
    lstm = sentiment.BiLSTM(embedding, 3).eval()
    torch.testing.assert_close(averaged(X), averaged(turned))
    assert not torch.allclose(lstm(X), lstm(turned), atol=1e-3)
