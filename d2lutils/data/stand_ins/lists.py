"""Stand-ins of word lists, from the words of ``grammar.toml``."""

import random
from itertools import combinations, permutations

from d2lutils.data.stand_ins.grammar import RULES


def similarities() -> dict[str, list[tuple[str, str, float]]]:
    """Return 300 pairs of words of the news: of one topic and kind, of one topic, none.

    The score tells which, with noise; for ``similarity`` the kind alone counts.
    """
    rng = random.Random(0)
    kinds = [
        (topic, kind, word)
        for topic, table in enumerate(RULES["news"]["topic"])
        for kind, words in table.items()
        for word in words.split()
    ]
    pairs = list(combinations(kinds, 2))
    alike = [p for p in pairs if p[0][0] == p[1][0] and p[0][1] == p[1][1]]
    related = [p for p in pairs if p[0][0] == p[1][0] and p[0][1] != p[1][1]]
    others = [p for p in pairs if p[0][0] != p[1][0] and p[0][1] != p[1][1]]
    result = {}
    for name, scores in (("relatedness", (8, 6, 2)), ("similarity", (8, 3, 2))):
        result[name] = [
            (first, second, round(score + rng.uniform(-1, 1), 2))
            for group, score in zip((alike, related, others), scores, strict=True)
            for (_, _, first), (_, _, second) in rng.sample(group, 100)
        ]
    return result


def analogies() -> dict[str, list[tuple[str, str, str, str]]]:
    """Return all questions from the pairs of each kind."""
    result = {}
    for kind, line in RULES["analogies"].items():
        words = line.split()
        pairs = zip(words[::2], words[1::2], strict=True)
        result[kind] = [first + second for first, second in permutations(pairs, 2)]
    return result
