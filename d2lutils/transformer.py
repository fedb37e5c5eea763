"""Layers of a Transformer, and a language model made of them (11.3, 11.5, 11.6)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils.attention import MultiHeadAttention, sinusoids
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


def large_start(net: "GPT") -> None:
    """Draw the weights so that the scale of the vectors stays near 1 (section 11.5).

    Sums keep their variance, the layers whose outputs are added up begin smaller the
    more of them there are (Radford et al., 2019), and the positions begin as sinusoids.
    """
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
    with torch.no_grad():
        for block in net.blocks:  # each adds twice
            for layer in (block.attention.W_o, block.mlp[-1]):
                layer.weight /= (2 * len(net.blocks)) ** 0.5
        net.positions.weight.copy_(sinusoids(*net.positions.weight.shape))


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
        large_start(self)

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


def attend(
    attention: nn.Module, X: Tensor, K: Tensor, V: Tensor, start: int, visible: Tensor
) -> Tensor:
    """Attend from new rows to all rows so far, whose keys and values are kept (11.6).

    Args:
        attention: ``MultiHeadAttention``, or one with fewer heads of keys and values.
        X: the new rows, float32 (n, m, h).
        K, V: keys and values, float32 (n, heads, longest, d); those of the new rows
            are written into them.
        start: rows that came before.
        visible: bool (m, start + m), which rows each new one may see.

    Returns:
        float32 (n, m, h).
    """

    def heads(Z: Tensor) -> Tensor:
        return Z.unflatten(2, (-1, K.shape[3])).transpose(1, 2)

    end = start + X.shape[1]
    K[:, :, start:end] = heads(attention.W_k(X))
    V[:, :, start:end] = heads(attention.W_v(X))
    found = F.scaled_dot_product_attention(
        heads(attention.W_q(X)),
        K[:, :, :end],
        V[:, :, :end],
        visible,
        enable_gqa=True,
    )
    return attention.W_o(found.transpose(1, 2).flatten(2))


class CachedGPT:
    """A GPT that reads each token once, and keeps its keys and values (section 11.6).

    Args:
        net: in evaluation mode.
        num_rows: texts that are read side by side, n.
    """

    def __init__(self, net: GPT, num_rows: int = 1):
        attention, device = net.blocks[0].attention, net.tokens.weight.device
        d = net.tokens.embedding_dim // attention.num_heads
        shape = (
            2,
            len(net.blocks),
            num_rows,
            len(attention.W_k.bias) // d,
            net.num_steps,
            d,
        )
        self.net, self.length = net, 0
        self.keys, self.values = torch.zeros(shape, device=device)

    @torch.no_grad()
    def read(self, X: Tensor) -> Tensor:
        """Return the scores after each new token, float32 (n, m, V).

        Args:
            X: what comes next in the texts, int64 (n, m); all that is read together
                is at most ``net.num_steps`` long.
        """
        net, start = self.net, self.length
        self.length += X.shape[1]
        steps = torch.arange(self.length, device=X.device)
        seen = steps <= steps[start:, None]
        H = net.tokens(X) + net.positions.weight[start : self.length]
        pairs = zip(net.blocks, self.keys, self.values, strict=True)
        for block, K, V in pairs:
            H += attend(block.attention, block.norm_1(H), K, V, start, seen)
            H += block.mlp(block.norm_2(H))
        return net.output(net.norm(H))
