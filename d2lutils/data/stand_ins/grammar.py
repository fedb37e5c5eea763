"""Stand-ins of texts, from the grammar in ``grammar.toml``: one function a data set.

The texts mean little, but they have what models learn: an order of words,
topics that words keep to, frequent and rare words, labels that show, two
languages that agree. The same texts come out every time.
"""

import random
import re
import textwrap
import tomllib
from collections import Counter
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
Table = dict[str, list[str] | str]
_SPELLING = tuple(
    (re.compile(wrong), right)
    for wrong, right in (
        (r"([^aeiou])ys\b", r"\1ies"),
        (r"(ss|x|ch|sh)s\b", r"\1es"),
        (r"<unk>s\b", "<unk>"),
        (r"\ba ([aeiou])", r"an \1"),
    )
)


class Grammar:
    """Rules from tables, later ones first; draws by them with one random stream."""

    def __init__(self, rng: random.Random, *tables: Table):
        self.rng = rng
        self.rules = {}
        for name, rule in {k: v for table in tables for k, v in table.items()}.items():
            words = rule.split() if isinstance(rule, str) else rule
            weights = accumulate(1 / (2 + rank) for rank in range(len(words)))
            self.rules[name] = words, list(weights)

    def draw(self, name: str) -> list[str]:
        """Return a random text by the rule ``name``, one a language."""
        words, weights = self.rules[name]
        (text,) = self.rng.choices(words, cum_weights=weights)
        drawn: dict[tuple[str, int], list[str]] = {}
        sides = []
        for side, part in enumerate(text.split("|")):
            pieces = re.split(r"{(\w+)}", part)  # every other one is a rule's name
            seen: Counter[str] = Counter()
            for place, rule in enumerate(pieces[1::2]):
                seen[rule] += 1
                key = rule, seen[rule]
                if key not in drawn:
                    drawn[key] = self.draw(rule)
                pieces[2 * place + 1] = drawn[key][side]
            sides.append("".join(pieces))
        return sides

    def text(self, name: str) -> str:
        """Return a random text in one language, English with its spelling right."""
        text = self.draw(name)[0].replace("_", " ")
        for wrong, right in _SPELLING:
            text = wrong.sub(right, text)
        return text


def _by_topic(kind: str, rng: random.Random, *more: Table) -> list[Grammar]:
    """Return a grammar for each topic of ``kind``."""
    rules = {k: v for k, v in RULES[kind].items() if k != "topic"}
    return [Grammar(rng, *more, rules, topic) for topic in RULES[kind]["topic"]]


def time_machine() -> str:
    """Return English prose of about 175,000 characters, in lines and paragraphs."""
    rng = random.Random(0)
    topics = _by_topic("prose", rng, RULES["english"])
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < 175_000:
        topic = rng.choice(topics)
        sentences = [topic.text("sentence") for _ in range(rng.randint(2, 8))]
        text = " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)
        text = re.sub(r"\bi\b", "I", re.sub(" ([.,'])", r"\1", text))
        paragraphs.append(textwrap.fill(text, 68))
    return "\n\n".join(paragraphs) + "\n"


def penn_treebank() -> dict[str, list[list[str]]]:
    """Return sentences of news as tokens: train 4000, valid 300, test 300."""
    rng = random.Random(0)
    topics = _by_topic("news", rng, RULES["english"])
    return {
        split: [rng.choice(topics).text("sentence").split() for _ in range(size)]
        for split, size in (("train", 4000), ("valid", 300), ("test", 300))
    }


def _reviews(kind: str, name: str, good: int, bad: int) -> tuple[list[str], list[int]]:
    rules = {k: v for k, v in RULES[kind].items() if k not in ("good", "bad")}
    rng = random.Random(0)
    texts = []
    for own, other, size in (("good", "bad", good), ("bad", "good", bad)):
        opposite = {"other": RULES[kind][other]["own"]}
        grammar = Grammar(rng, RULES["english"], rules, RULES[kind][own], opposite)
        texts += [grammar.text(name) for _ in range(size)]
    return texts, [1] * good + [0] * bad


def sentence_polarity() -> tuple[list[str], list[int]]:
    """Return 5331 sentences of praise, label 1, and as many of blame, label 0."""
    return _reviews("reviews", "sentence", 5331, 5331)


def hotel_reviews() -> tuple[list[str], list[int]]:
    """Return 5322 good reviews in Chinese, label 1, and 2444 bad ones, label 0."""
    return _reviews("hotel", "review", 5322, 2444)


def tang_poems() -> list[str]:
    """Return 320 poems of 5 or 7 characters a line, in traditional characters."""
    rng = random.Random(0)
    topics = _by_topic("poems", rng)
    return [rng.choice(topics).text("tang") for _ in range(320)]


def song_ci() -> list[str]:
    """Return 280 poems in lines of 3 to 7 characters, in simplified characters."""
    rng = random.Random(1)
    topics = _by_topic("poems", rng)
    table = str.maketrans(RULES["poems"]["traditional"], RULES["poems"]["simplified"])
    return [rng.choice(topics).text("song").translate(table) for _ in range(280)]


def tatoeba() -> list[tuple[str, str]]:
    """Return 20,133 pairs of an English and a Chinese sentence, short ones first."""
    grammar = Grammar(random.Random(0), RULES["pairs"])
    pairs: dict[tuple[str, str], None] = {}
    while len(pairs) < 20_133:
        english, chinese = grammar.draw("sentence")
        pairs[english[0].upper() + english[1:], chinese] = None
    return sorted(pairs, key=lambda pair: len(pair[0]))


def glove() -> tuple[list[str], Tensor]:
    """Return words and their vectors, float32 (n, 50).

    Words of one topic or list lie close together, and pairs of words of one
    kind differ by nearly the same vector.
    """
    rng = np.random.default_rng(0)
    vectors: dict[str, np.ndarray] = {}
    for line in RULES["analogies"].values():
        words = line.split()
        topic, step = rng.normal(0, 0.5, (2, 50))
        for first, second in zip(words[::2], words[1::2], strict=True):
            vectors[first] = topic + rng.normal(0, 0.4, 50)
            vectors[second] = vectors[first] + step + rng.normal(0, 0.05, 50)
    prose, news, reviews = RULES["prose"], RULES["news"], RULES["reviews"]
    for table in (*prose["topic"], *news["topic"], reviews["good"], reviews["bad"]):
        centre = rng.normal(0, 0.5, 50)
        for rule in (r for r in table.values() if isinstance(r, str)):
            kind = centre + rng.normal(0, 0.2, 50)
            for word in rule.replace("_", " ").split():
                vectors.setdefault(word, kind + rng.normal(0, 0.3, 50))
    return list(vectors), torch.from_numpy(np.stack([*vectors.values()])).float()
