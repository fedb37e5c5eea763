"""Readers of the texts and word vectors."""

import csv
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from d2lutils.data.loading import load
from d2lutils.data.stand_ins import grammar


def time_machine() -> str:
    """Return the text of The Time Machine, H. G. Wells (1895)."""
    return load(
        "time-machine", lambda paths: paths[0].read_text("utf-8"), grammar.time_machine
    )


def tang_poems() -> list[str]:
    """Return 320 Tang poems in traditional characters, one string a poem."""

    def read(paths: list[Path]) -> list[str]:
        groups = json.loads(paths[0].read_text("utf-8"))["content"]
        return ["".join(p["paragraphs"]) for group in groups for p in group["content"]]

    return load("chinese-poetry", read, grammar.tang_poems)


def song_ci() -> list[str]:
    """Return 280 Song lyrics in simplified characters, one string a lyric."""

    def read(paths: list[Path]) -> list[str]:
        poems = json.loads(paths[1].read_text("utf-8"))
        return ["".join(poem["paragraphs"]) for poem in poems]

    return load("chinese-poetry", read, grammar.song_ci)


def penn_treebank() -> dict[str, list[list[str]]]:
    """Return sentences as lists of words by split: train, valid, test."""

    def read(paths: list[Path]) -> dict[str, list[list[str]]]:
        texts = (path.read_text("utf-8") for path in paths)
        splits = [[line.split() for line in text.splitlines()] for text in texts]
        return dict(zip(("train", "valid", "test"), splits, strict=True))

    return load("ptb", read, grammar.penn_treebank)


def sentence_polarity() -> tuple[list[str], list[int]]:
    """Return sentences of film reviews and their labels, 1 good, 0 bad.

    Pang and Lee (2005).
    """

    def read(paths: list[Path]) -> tuple[list[str], list[int]]:
        good, bad = (path.read_text("latin-1").strip().split("\n") for path in paths)
        texts = [line.strip() for line in good + bad]
        return texts, [1] * len(good) + [0] * len(bad)

    return load("sentence-polarity", read, grammar.sentence_polarity)


def hotel_reviews() -> tuple[list[str], list[int]]:
    """Return Chinese hotel reviews and their labels, 1 good, 0 bad."""

    def read(paths: list[Path]) -> tuple[list[str], list[int]]:
        with paths[0].open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
        return [row["review"] for row in rows], [int(row["label"]) for row in rows]

    return load("chnsenticorp", read, grammar.hotel_reviews)


def tatoeba() -> list[tuple[str, str]]:
    """Return pairs of an English and a Chinese sentence."""

    def read(paths: list[Path]) -> list[tuple[str, str]]:
        lines = paths[0].read_text("utf-8").splitlines()
        return [tuple(line.split("\t")[:2]) for line in lines]

    return load("tatoeba", read, grammar.tatoeba)


def glove() -> tuple[list[str], Tensor]:
    """Return 400,000 words and their vectors, float32 (400000, 50).

    The stand-in has fewer words. Pennington, Socher and Manning (2014).

    Raises:
        ImportError: pyarrow is missing.
    """

    def read(paths: list[Path]) -> tuple[list[str], Tensor]:
        words = parquet.read_table(paths[1]).column(0).to_pylist()
        return words, torch.from_numpy(np.load(paths[0], allow_pickle=False))

    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            "glove needs pyarrow: pip install 'd2lutils[data]'"
        ) from error
    return load("glove", read, grammar.glove)
