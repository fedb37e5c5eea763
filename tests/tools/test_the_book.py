"""The course's own book keeps every rule of its structure."""

from tools import check


def test_the_book_is_right() -> None:
    found = check.problems()
    assert not found, "\n" + "\n".join(map(str, found))
