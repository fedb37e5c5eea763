"""Vocabularies are the same in every run; batches hold a text as they promise."""

import random
import subprocess
import sys

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from d2lutils import text
from d2lutils.text import TokenBatches, Vocabulary

words = st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("The Time\nMachine, 1895!", "the time machine"), ("", ""), ("...", "")],
)
def test_clean_leaves_letters_and_single_spaces(raw, expected):
    assert text.clean(raw) == expected
    assert text.clean(text.clean(raw)) == expected


@given(tokens=words, seed=st.integers(0, 99))
def test_what_is_encoded_comes_back_whatever_the_order_of_the_text(tokens, seed):
    vocabulary = Vocabulary(tokens)
    shuffled = random.Random(seed).sample(tokens, len(tokens))
    assert vocabulary.tokens == Vocabulary(shuffled).tokens
    numbers = vocabulary.encode(tokens)
    assert numbers.dtype == torch.int64
    assert numbers.min() >= 1
    assert numbers.max() < len(vocabulary)
    assert vocabulary.decode(numbers) == tokens


@given(tokens=st.lists(st.sampled_from("abc"), min_size=10, max_size=60))
def test_the_parts_follow_one_another_and_only_the_first_makes_the_vocabulary(tokens):
    train, valid, test = text.parts(tokens)
    assert train + valid + test == tokens
    assert abs(len(train) - 8 * len(valid)) <= 8
    assert abs(len(valid) - len(test)) <= 1
    vocabulary, numbers = text.encoded(tokens)
    assert vocabulary.tokens == Vocabulary(train).tokens
    for part, its_numbers in zip((train, valid, test), numbers, strict=True):
        assert torch.equal(its_numbers, vocabulary.encode(part))
    for kind in ("".join(tokens), torch.arange(len(tokens))):
        assert [len(part) for part in text.parts(kind)] == [
            *map(len, (train, valid, test))
        ]


@given(tokens=words, min_count=st.integers(1, 4))
def test_frequent_tokens_come_first_and_rare_ones_are_unknown(tokens, min_count):
    kept = {token for token in tokens if tokens.count(token) >= min_count}
    assume(kept)
    vocabulary = Vocabulary(tokens, min_count)
    assert vocabulary.tokens[0] == "<unk>"
    assert set(vocabulary.tokens[1:]) == kept
    counts = [tokens.count(token) for token in vocabulary.tokens[1:]]
    assert counts == sorted(counts, reverse=True)
    for token, number in zip(tokens, vocabulary.encode(tokens).tolist(), strict=True):
        assert (number == 0) == (token not in kept)


def test_the_order_does_not_depend_on_the_hashes_of_strings():
    code = "from d2lutils.text import Vocabulary; print(Vocabulary('nacbdb').tokens)"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert outputs == {"['<unk>', 'b', 'a', 'c', 'd', 'n']\n"}


def test_a_text_may_bring_the_unknown_token_along():
    vocabulary = Vocabulary(["<unk>", "a", "<unk>"])
    assert vocabulary.tokens == ["<unk>", "a"]
    assert vocabulary.encode(["<unk>", "a", "b"]).tolist() == [0, 1, 0]


@pytest.mark.parametrize("tokens", ["", ["<unk>"], "abc"])
def test_a_vocabulary_without_tokens_is_refused(tokens):
    with pytest.raises(ValueError, match="none seen 2 times"):
        Vocabulary(tokens, min_count=2)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_number_without_token_is_refused(number):
    with pytest.raises(IndexError, match="0 to 2"):
        Vocabulary("ab").decode([0, number])


sizes = st.integers(1, 8)


@given(n=st.integers(2, 200), batch_size=sizes, num_steps=sizes)
def test_in_order_each_row_goes_on_where_it_ended(n, batch_size, num_steps):
    assume(n > batch_size)
    batches = TokenBatches(torch.arange(n), batch_size, num_steps)
    pairs = list(batches)
    assert len(pairs) == len(batches)
    assert all(X.shape[1] == num_steps for X, _ in pairs[:-1])
    X, y = (torch.cat(column, dim=1) for column in zip(*pairs, strict=True))
    assert torch.equal(X + 1, y)
    assert torch.equal(X.flatten(), torch.arange(X.numel()))
    assert n - 1 - X.numel() < batch_size  # all of the text but the rest


@given(n=st.integers(2, 200), batch_size=sizes, num_steps=sizes, seed=st.integers(0, 9))
def test_shuffled_no_target_comes_twice(n, batch_size, num_steps, seed):
    assume(n >= 2 * num_steps)
    torch.manual_seed(seed)
    batches = TokenBatches(torch.arange(n), batch_size, num_steps, shuffle=True)
    pairs = list(batches)
    assert len(pairs) == len(batches)
    assert all(len(X) == batch_size for X, _ in pairs[:-1])
    X, y = (torch.cat(column) for column in zip(*pairs, strict=True))
    assert X.shape[1] == num_steps
    assert torch.equal(X + 1, y)
    assert torch.equal(X, X[:, :1] + torch.arange(num_steps))
    assert len(y.unique()) == y.numel() > n - 3 * num_steps


def test_shuffled_epochs_differ_and_the_seed_fixes_them():
    batches = TokenBatches(torch.arange(1000), 4, 5, shuffle=True)

    def epoch():
        return torch.cat([X for X, _ in batches])

    torch.manual_seed(1)
    first, second = epoch(), epoch()
    torch.manual_seed(1)
    assert torch.equal(epoch(), first)
    assert not torch.equal(first, second)
    assert {int(x) % 5 for x in first[:, 0]} != {int(x) % 5 for x in second[:, 0]}


def test_to_keeps_everything_but_the_device():
    moved = TokenBatches(torch.arange(9), 2, 3, shuffle=True).to("meta")
    assert moved.tokens.device.type == "meta"
    assert (moved.batch_size, moved.num_steps, moved.shuffle) == (2, 3, True)


@pytest.mark.parametrize(
    ("tokens", "batch_size", "num_steps", "shuffle", "error", "words"),
    [
        ([1, 2], 1, 1, False, TypeError, "int64"),
        (torch.ones(9), 1, 1, False, TypeError, "int64"),
        (torch.ones(3, 3).long(), 1, 1, False, ValueError, r"shape \(n,\)"),
        (torch.arange(9), 0, 1, False, ValueError, "at least 1"),
        (torch.arange(9), 1, 0, True, ValueError, "at least 1"),
        (torch.arange(9), 9, 1, False, ValueError, "at least 10, got 9"),
        (torch.arange(9), 1, 5, True, ValueError, "at least 10, got 9"),
    ],
)
def test_wrong_arguments_are_refused(
    tokens, batch_size, num_steps, shuffle, error, words
):
    with pytest.raises(error, match=words):
        TokenBatches(tokens, batch_size, num_steps, shuffle)
