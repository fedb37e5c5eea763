"""Readers of lists by which word vectors are judged (sections 10.3 and 10.6)."""

from pathlib import Path

from d2lutils.data.loading import load
from d2lutils.data.stand_ins import lists

Pairs = list[tuple[str, str, float]]
Questions = dict[str, list[tuple[str, str, str, str]]]


def _similarities(paths: list[Path]) -> dict[str, Pairs]:
    result = {}
    for name, path in zip(("relatedness", "similarity"), paths, strict=False):
        lines = path.read_text("utf-8").lower().splitlines()
        rows = [line.split() for line in lines if line and line[0] != "#"]
        result[name] = [(first, second, float(score)) for first, second, score in rows]
    return result


def similarities() -> dict[str, Pairs]:
    """Return pairs of English words with the mean score that people gave them.

    Scores run from 0 to 10. ``relatedness`` holds the 353 pairs of Finkelstein et al.
    (2002), of words that belong together (coffee and cup); ``similarity`` the 999
    pairs of Hill, Reichart and Korhonen (2015), of words that mean the same. All are
    in lower case. Read from the package ``gensim``.
    """
    return load("word-lists", _similarities, lists.similarities)


def analogies() -> Questions:
    """Return questions "a is to b as c is to d" by their kind, in lower case.

    19,544 questions of 14 kinds, by Mikolov et al. (2013). Read from the package
    ``gensim``.
    """

    def read(paths: list[Path]) -> Questions:
        result: Questions = {}
        for line in paths[2].read_text("utf-8").lower().splitlines():
            if line.startswith(":"):
                questions = result.setdefault(line[2:], [])
            else:
                questions.append(tuple(line.split()))
        return result

    return load("word-lists", read, lists.analogies)
