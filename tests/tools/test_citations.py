"""Citation roles become plain Markdown links, in the manner of each language."""

from pathlib import Path

import pytest

from tools.citations import Citations, UnknownCitation

BIB = r"""
@inproceedings{glorot2010understanding,
  author = {Glorot, Xavier and Bengio, Yoshua},
  title = {Understanding the Difficulty of Training Deep Networks},
  booktitle = {AISTATS}, year = {2010}, url = {https://example.org/a_b.html},
}
@article{hornik1989multilayer,
  author = {Hornik, Kurt and Stinchcombe, Maxwell and White, Halbert},
  title = {Multilayer Networks are Universal Approximators},
  journal = {Neural Networks}, volume = {2}, number = {5}, year = {1989},
  doi = {10.1016/0893-6080(89)90020-8},
}
@misc{maaten2008visualizing,
  author = {van der Maaten, Laurens}, title = {{t-SNE} by G{\"o}del [v2]},
  year = {2008}, eprint = {1234.56789},
}
@misc{pytorch2024docs,
  author = {{PyTorch contributors}}, title = {Reproducibility}, year = {2024},
  url = {https://example.org/docs},
}
@article{he2016deep,
  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  title = {Deep Residual Learning}, journal = {CVPR}, year = {2016},
  doi = {10.1109/CVPR.2016.90}, eprint = {1512.03385},
}
"""
HORNIK = "https://doi.org/10.1016/0893-6080%2889%2990020-8"


@pytest.fixture
def citations(tmp_path: Path) -> Citations:
    bib = tmp_path / "references.bib"
    bib.write_text(BIB, encoding="utf-8")
    return Citations(bib)


@pytest.mark.parametrize(
    ("source", "english", "chinese"),
    [
        (
            "{cite:t}`glorot2010understanding`",
            "[Glorot and Bengio (2010)](https://example.org/a_b.html)",
            "[Glorot和Bengio（2010）](https://example.org/a_b.html)",
        ),
        (
            "{cite:p}`hornik1989multilayer`",
            f"([Hornik et al., 1989]({HORNIK}))",
            f"（[Hornik等，1989]({HORNIK})）",
        ),
        (
            "{cite:t}`maaten2008visualizing, pytorch2024docs`",
            "[van der Maaten (2008)](https://arxiv.org/abs/1234.56789), "
            "[PyTorch contributors (2024)](https://example.org/docs)",
            "[van der Maaten（2008）](https://arxiv.org/abs/1234.56789)、"
            "[PyTorch contributors（2024）](https://example.org/docs)",
        ),
        (
            "{cite:p}`pytorch2024docs,maaten2008visualizing`",
            "([PyTorch contributors, 2024](https://example.org/docs); "
            "[van der Maaten, 2008](https://arxiv.org/abs/1234.56789))",
            "（[PyTorch contributors，2024](https://example.org/docs)；"
            "[van der Maaten，2008](https://arxiv.org/abs/1234.56789)）",
        ),
        (
            "{cite:full}`hornik1989multilayer`",
            "Kurt Hornik, Maxwell Stinchcombe and Halbert White (1989), [Multilayer "
            f"Networks are Universal Approximators]({HORNIK}), Neural Networks 2(5)",
            "Kurt Hornik、Maxwell Stinchcombe和Halbert White（1989），[Multilayer "
            f"Networks are Universal Approximators]({HORNIK})，Neural Networks 2(5)",
        ),
        (
            "{cite:full}`he2016deep`",
            "Kaiming He et al. (2016), [Deep Residual Learning]"
            "(https://doi.org/10.1109/CVPR.2016.90), CVPR",
            "Kaiming He等（2016），[Deep Residual Learning]"
            "(https://doi.org/10.1109/CVPR.2016.90)，CVPR",
        ),
        (
            "{cite:full}`maaten2008visualizing`",
            "Laurens van der Maaten (2008), [t-SNE by Gödel \\[v2\\]]"
            "(https://arxiv.org/abs/1234.56789), arXiv:1234.56789",
            "Laurens van der Maaten（2008），[t-SNE by Gödel \\[v2\\]]"
            "(https://arxiv.org/abs/1234.56789)，arXiv:1234.56789",
        ),
    ],
)
def test_role(citations: Citations, source: str, english: str, chinese: str) -> None:
    assert citations.expand(f"a {source} b", "en") == f"a {english} b"
    assert citations.expand(f"一{source}二", "zh") == f"一{chinese}二"


def test_text_without_roles_is_left_alone(citations: Citations) -> None:
    text = "`code`, {ref}`label`, $x$"
    assert citations.expand(text, "en") == text


def test_unknown_key_is_named(citations: Citations) -> None:
    with pytest.raises(UnknownCitation, match="smith1999nothing"):
        citations.expand("{cite:p}`he2016deep, smith1999nothing`", "en")
    assert issubclass(UnknownCitation, KeyError)


NG = ("ng2001y", "ng2001x", "ng2002")


def test_letters_tell_works_of_one_year_apart(tmp_path: Path) -> None:
    bib = tmp_path / "references.bib"
    entry = "@misc{%s, author = {Ng, A}, title = {T}, year = {%s}, url = {u:%s}}\n"
    bib.write_text("".join(entry % (key, key[2:6], key) for key in NG), "utf-8")
    cited = Citations(bib).expand(f"{{cite:p}}`{','.join(NG)}`", "en")
    assert (
        cited
        == "([Ng, 2001b](u:ng2001y); [Ng, 2001a](u:ng2001x); [Ng, 2002](u:ng2002))"
    )
    assert sorted(NG, key=Citations(bib).order) == ["ng2001x", "ng2001y", "ng2002"]
