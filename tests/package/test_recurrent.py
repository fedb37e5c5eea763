"""Language models: the state goes where it must, and nothing else leaks."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

import d2lutils as d2l
from d2lutils import recurrent
from d2lutils.text import TokenBatches, Vocabulary

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def model(kind: str = "rnn", size: int = 5, **options) -> recurrent.LanguageModel:
    torch.manual_seed(0)
    layer = LAYERS[kind](4, 8, batch_first=True, **options)
    return recurrent.LanguageModel(size, layer).to(d2l.device())


def test_the_first_bit_is_the_answer_whatever_follows():
    torch.manual_seed(0)
    X, y = recurrent.recall(200, 7)
    assert X.shape == (200, 8)
    assert set(X.unique().tolist()) == {-1, 1}
    assert torch.equal(y, (X[:, 0] > 0).long())
    assert (X[:, 1:] == X[:, :1]).float().mean() == pytest.approx(0.5, abs=0.1)


def test_the_model_by_hand_is_a_language_model_of_nn_rnn():
    torch.manual_seed(0)
    scratch, net = recurrent.ScratchModel(5, 8), model("rnn").cpu()
    with torch.no_grad():
        net.rnn = nn.RNN(5, 8, batch_first=True)
        net.embedding.weight = nn.Parameter(torch.eye(5))
        net.rnn.weight_ih_l0.copy_(scratch.W_xh.T)
        net.rnn.weight_hh_l0.copy_(scratch.W_hh.T)
        net.rnn.bias_ih_l0.copy_(scratch.b_h + 1)
        net.rnn.bias_hh_l0.fill_(-1)
        net.output.weight.copy_(scratch.W_hq.T)
        net.output.bias.copy_(scratch.b_q)
        scratch.b_q += 0.5
        net.output.bias += 0.5
    X = torch.randint(5, (3, 12))
    ours, H = scratch(X[:, :7])
    theirs, state = net(X[:, :7])
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.allclose(scratch(X[:, 7:], H)[0], net(X[:, 7:], state)[0], atol=1e-5)


class Uniform(nn.Module):
    """Gives each token the same score and counts what it has read."""

    def __init__(self, size: int):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(size))

    def forward(self, X, state=None):
        count = X.shape[1] + (0 if state is None else state)
        return self.scores.expand(*X.shape, -1), torch.as_tensor(count)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_text_read_in_parts_gives_the_scores_of_the_whole(kind):
    net = model(kind)
    X = torch.randint(5, (3, 12), device=d2l.device())
    whole, _ = net(X)
    first, state = net(X[:, :7])
    second, _ = net(X[:, 7:], recurrent.detach(state))
    assert torch.allclose(torch.cat((first, second), dim=1), whole, atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_no_gradient_passes_a_detached_state(kind):
    net = model(kind)
    _, state = net(torch.zeros(1, 3, dtype=torch.int64, device=d2l.device()))
    parts = state if isinstance(state, tuple) else (state,)
    constant = recurrent.detach(state)
    assert all(part.requires_grad for part in parts)
    for part in constant if isinstance(constant, tuple) else (constant,):
        assert not part.requires_grad
    assert recurrent.detach(None) is None


def test_equal_scores_have_the_size_of_the_vocabulary_as_perplexity():
    batches = TokenBatches(torch.randint(7, (100,)), 2, 9)
    net = Uniform(7).to(d2l.device())
    assert recurrent.perplexity(net, batches) == pytest.approx(7, rel=1e-5)


@pytest.mark.parametrize("num_steps", [1, 4, 30])
def test_perplexity_does_not_depend_on_the_length_of_the_pieces(num_steps):
    net, tokens = model(), torch.arange(61) % 5
    expected = recurrent.perplexity(net, TokenBatches(tokens, 2, 60))
    found = recurrent.perplexity(net, TokenBatches(tokens, 2, num_steps))
    assert found == pytest.approx(expected, rel=1e-4)


def test_perplexity_keeps_the_mode_and_refuses_shuffled_pieces():
    net = model()
    for training in (True, False):
        net.train(training)
        recurrent.perplexity(net, TokenBatches(torch.arange(5), 1, 2))
        assert net.training == training
    with pytest.raises(ValueError, match="order of the text"):
        recurrent.perplexity(net, TokenBatches(torch.arange(5), 1, 2, shuffle=True))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_training_learns_a_text_that_repeats(kind, shuffle):
    tokens = torch.arange(400) % 4
    batches = TokenBatches(tokens, 4, 10, shuffle)
    torch.manual_seed(0)
    history = recurrent.train(
        model(kind), batches, TokenBatches(tokens, 1, 50), num_epochs=30, lr=0.02
    )
    assert list(history.last) == ["train_perplexity", "test_perplexity"]
    assert history["train_perplexity"][0] > 2
    assert history.last["test_perplexity"] < 1.2


def test_the_state_is_carried_in_order_and_begins_anew_otherwise():
    seen = []

    class Watched(Uniform):
        def forward(self, X, state=None):
            if self.training:
                seen.append(0 if state is None else int(state))
            return super().forward(X, state)

    tokens = torch.randint(3, (41,))
    for shuffle in (False, True):
        recurrent.train(
            Watched(3), TokenBatches(tokens, 2, 5, shuffle),
            TokenBatches(tokens, 1, 5), num_epochs=2, lr=0.1,
        )  # fmt: skip
    assert seen[:8] == [0, 5, 10, 15] * 2
    assert not any(seen[8:])


def test_the_norm_of_all_gradients_together_is_clipped(monkeypatch):
    norms = []

    def step_watched(self, *args, **kwargs):
        parameters = [p for group in self.param_groups for p in group["params"]]
        norms.append(math.sqrt(sum(float(p.grad.square().sum()) for p in parameters)))

    monkeypatch.setattr(torch.optim.Adam, "step", step_watched)
    tokens = torch.arange(100) % 4
    batches = TokenBatches(tokens, 2, 10)
    recurrent.train(model(), batches, batches, num_epochs=1, lr=0.1, clip=0.01)
    assert norms
    assert norms == pytest.approx([0.01] * len(norms), rel=1e-3)


def test_a_run_that_diverges_says_so_and_keeps_its_history():
    class Broken(Uniform):
        def forward(self, X, state=None):
            scores, state = super().forward(X, state)
            return scores * math.nan if len(norms) else scores, state

    norms = []
    tokens = torch.arange(20) % 3
    batches = TokenBatches(tokens, 1, 19)
    recurrent.train(Broken(3), batches, batches, num_epochs=1, lr=0.1)
    norms.append(1)
    with pytest.raises(d2l.training.Diverged, match="epoch 1"):
        recurrent.train(Broken(3), batches, batches, num_epochs=1, lr=0.1)


def test_generation_writes_on_from_its_prefix():
    tokens = torch.arange(1, 401) % 4 + 1  # the text abcd abcd ...
    vocabulary = Vocabulary("abcd")
    net = model(size=len(vocabulary))
    recurrent.train(
        net, TokenBatches(tokens, 4, 10), TokenBatches(tokens, 1, 9), 40, lr=0.02
    )
    assert "".join(recurrent.generate(net, vocabulary, "abc", 6, 0)) == "dabcda"
    torch.manual_seed(3)
    drawn = recurrent.generate(net, vocabulary, ["a"], 50, temperature=20)
    assert len(drawn) == 50
    assert len({*pairwise(drawn)}) > 8  # nearly at random
    assert net.training


@pytest.mark.parametrize("words", ["", []])
def test_generation_refuses_what_it_cannot_do(words):
    vocabulary = Vocabulary("ab")
    with pytest.raises(ValueError, match="at least one token"):
        recurrent.generate(model(), vocabulary, words, 3)
    with pytest.raises(ValueError, match="at least 0"):
        recurrent.generate(model(), vocabulary, "a", 3, temperature=-1)
