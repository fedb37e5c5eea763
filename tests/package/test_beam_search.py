"""Beam search is greedy at one end, exhaustive at the other, and keeps states apart."""

from itertools import product

import pytest
import torch

from d2lutils.translation import BEGIN, END, PADDING, beam_search

WORDS, STEPS = (4, 5, 6), 3


class Memory:
    """A random model whose scores depend on the source and on all tokens so far."""

    def start(self, source):
        return (source,)

    def step(self, tokens, state):
        (number,) = state
        number = (7 * number + tokens) % 1009
        scores = torch.sin(number[:, None] * torch.arange(1.0, 8.0) ** 1.5) * 2
        scores[:, [0, PADDING, BEGIN]] = -1e4
        return scores, (number,)


def log_probability(source, sentence):
    net, total = Memory(), 0.0
    state, last = net.start(torch.tensor([source])), torch.tensor([BEGIN])
    for token in sentence:
        scores, state = net.step(last, state)
        total += float(scores.log_softmax(-1)[0, token])
        last = torch.tensor([token])
    return total


def every_sentence():
    for length in range(STEPS):
        yield from ((*words, END) for words in product(WORDS, repeat=length))
    yield from product(WORDS, repeat=STEPS)  # cut off


@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_a_beam_that_holds_everything_ranks_all_sentences(alpha):
    sources = torch.tensor([3, 11, 200])
    tokens, total = beam_search(Memory(), sources, STEPS, 40, alpha)
    for source, rows, sums in zip(sources.tolist(), tokens, total, strict=True):
        every = {s: log_probability(source, s) for s in every_sentence()}
        ranked = sorted(every, key=lambda s: -every[s] / len(s) ** alpha)
        assert len(ranked) == 40
        for sentence, row, value in zip(ranked, rows.tolist(), sums, strict=True):
            assert row == [*sentence, *[PADDING] * (STEPS - len(sentence))]
            assert float(value) == pytest.approx(every[sentence], abs=1e-4)


def test_a_beam_of_one_takes_the_most_probable_token_at_each_step():
    sources = torch.arange(50)
    tokens, total = beam_search(Memory(), sources, STEPS, 1)
    for source, row, value in zip(
        sources.tolist(), tokens[:, 0].tolist(), total, strict=True
    ):
        sentence = []
        while len(sentence) < STEPS and END not in sentence:
            sentence.append(
                max(
                    (*WORDS, END),
                    key=lambda token: log_probability(source, [*sentence, token]),
                )
            )
        assert row == [*sentence, *[PADDING] * (STEPS - len(sentence))]
        assert float(value) == pytest.approx(
            log_probability(source, sentence), abs=1e-4
        )


def test_a_batch_gives_what_each_source_gives_alone():
    sources = torch.arange(9)
    tokens, total = beam_search(Memory(), sources, STEPS, 4)
    for i in range(9):
        alone = beam_search(Memory(), sources[i : i + 1], STEPS, 4)
        assert torch.equal(alone[0][0], tokens[i])
        assert torch.allclose(alone[1][0], total[i])
