"""Layers of a Transformer, and a language model made of them (sections 11.3, 11.5)."""

import torch
from torch import Tensor, nn

from d2lutils.attention import MultiHeadAttention
from d2lutils.environment import device


class Block(nn.Module):
    """One layer of a Transformer: attention, then a network for each row (11.3).

    Each part reads its input normalized and adds to it (pre-norm: Xiong et al., 2020).

    Args:
        num_hiddens: size of inputs and outputs, h; the network has 4h hidden units.
        num_heads: heads of the attention; they divide h.
        dropout: share of what each part adds that training leaves out.
    """

    def __init__(self, num_hiddens: int, num_heads: int, dropout: float = 0.0):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(num_hiddens), nn.LayerNorm(num_hiddens)
        self.attention = MultiHeadAttention(num_hiddens, num_heads)
        self.mlp = nn.Sequential(
            nn.Linear(num_hiddens, 4 * num_hiddens),
            nn.GELU(),
            nn.Linear(4 * num_hiddens, num_hiddens),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, X: Tensor, valid: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Return float32 (n, m, h).

        Args:
            X: float32 (n, m, h).
            valid: bool, broadcastable to (n, m, m): lengths of rows are (n, 1, m).
            causal: a row sees itself and the rows before it; without ``valid``.
        """
        found = self.attention(self.norm_1(X), valid=valid, causal=causal)
        X = X + self.dropout(found)
        return X + self.dropout(self.mlp(self.norm_2(X)))


def small_start(net: "GPT") -> None:
    """Draw the weights anew, with a standard deviation of 0.02 (section 11.5).

    Biases become 0, and the layers whose outputs are added up begin smaller the more
    of them there are (Radford et al., 2019).

    Args:
        net: with ``blocks``.
    """
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    std = 0.02 / (2 * len(net.blocks)) ** 0.5  # each block adds twice
    for block in net.blocks:
        for layer in (block.attention.W_o, block.mlp[-1]):
            nn.init.normal_(layer.weight, std=std)


class GPT(nn.Module):
    """A language model of causal blocks (section 11.5; Radford et al., 2019).

    It takes the place of a recurrent model in ``d2l.recurrent.train`` and
    ``perplexity``, but carries no state: each row of a batch begins anew.

    Args:
        vocabulary_size: number of tokens, V.
        num_steps: longest row that it can read; each position has a learned vector.
        num_hiddens: size of the vectors, h.
        num_heads: heads of each block; they divide h.
        num_layers: number of blocks.
        dropout: as for ``Block``.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_steps: int,
        num_hiddens: int,
        num_heads: int,
        num_layers: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.num_steps = num_steps
        self.tokens = nn.Embedding(vocabulary_size, num_hiddens)
        self.positions = nn.Embedding(num_steps, num_hiddens)
        self.blocks = nn.ModuleList(
            Block(num_hiddens, num_heads, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(num_hiddens)
        self.output = nn.Linear(num_hiddens, vocabulary_size)
        small_start(self)

    def forward(self, X: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Score what comes after each token; later tokens are not seen.

        Args:
            X: tokens, int64 (n, m), m at most ``num_steps``.
            state: stands where recurrent models have one.

        Returns:
            Scores, float32 (n, m, V), and None.

        Raises:
            ValueError: a row is too long.
        """
        if (m := X.shape[1]) > self.num_steps:
            raise ValueError(f"X: expected at most {self.num_steps} tokens, got {m}")
        H = self.tokens(X) + self.positions.weight[:m]
        for block in self.blocks:
            H = block(H, causal=True)
        return self.output(self.norm(H)), None


@torch.no_grad()
def generate(
    net: GPT, tokens: Tensor, num_tokens: int, temperature: float = 1.0
) -> Tensor:
    """Let a language model write on; it reads its window anew for each token (11.5).

    Args:
        net: takes tokens (n, m), m at most ``net.num_steps``, and returns scores
            (n, m, V) and a state, which is not used.
        tokens: what the texts begin with, int64 (n, m), m at least 1.
        num_tokens: tokens to write.
        temperature: the scores are divided by it; 0 always takes the most probable
            token.

    Returns:
        Both, int64 (n, m + num_tokens); drawn from torch's global generator.

    Raises:
        ValueError: nothing to begin with, a negative temperature.
    """
    if not tokens.shape[1]:
        raise ValueError("tokens: expected at least one in a row")
    if temperature < 0:
        raise ValueError(f"temperature: expected at least 0, got {temperature}")
    was_training = net.training
    net.eval()
    tokens = tokens.to(device())
    for _ in range(num_tokens):
        last = net(tokens[:, -net.num_steps :])[0][:, -1]
        if temperature == 0:
            token = last.argmax(1, keepdim=True)
        else:
            token = torch.multinomial((last / temperature).softmax(1), 1)
        tokens = torch.cat((tokens, token), 1)
    net.train(was_training)
    return tokens
