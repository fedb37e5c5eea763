"""Which notebooks the run on stand-ins takes."""

from tools import book
from tools.stand_in_pages import loaders, named, short, used


def test_data_sets_are_found_however_far_down() -> None:
    behind = loaders(book.ROOT)
    assert behind["tatoeba"] == {"tatoeba"}
    assert behind["load_fashion_mnist"] == {"fashion-mnist"}
    assert behind["bench"] > {"airfoil"}  # by way of `airfoil_parts`
    assert "fit" not in behind  # it reads checkpoints by `torch.load`


def test_names_of_the_package_are_told_from_those_of_a_page() -> None:
    assert named("d2l.data.tatoeba()\ndeep()") == {"tatoeba"}
    assert named("from d2lutils.data import tatoeba as pairs\npairs()") == {"tatoeba"}
    assert named("from torch import load\nload()") == set()


def test_pages_that_use_data() -> None:
    uses = used(book.ROOT)
    assert uses["03_basics/16_house_prices"] == {"house-prices"}
    assert "tatoeba" in uses["10_nlp/12_translation"]
    assert "04_computation/01_modules" not in uses


def test_the_short_run_uses_each_data_set_and_prefers_quick_pages() -> None:
    uses = {"slow": {"a", "b"}, "quick": {"a"}, "dear": {"b"}, "none": {"b"}}
    seconds = {"slow": 30.0, "quick": 1.0, "dear": 40.0, "none": 35.0}
    assert short(uses, seconds) == ["slow", "quick"]
