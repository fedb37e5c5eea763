"""The generated parts of the front and back pages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from samples import TOC

from tools import generated

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = {
    "_toc.yml": TOC,
    "book/terms.yml": """\
- title: {en: Tensors, zh: 张量}
  terms:
  - {en: tensor, zh: 张量}
  - {en: mean squared error, zh: 均方误差, abbr: MSE}
  - {en: dropout, zh: 丢弃法, aliases: [暂退法, 随机失活], avoid: [失活]}
- title: {en: Text, zh: 文本}
  terms:
  - {en: token, zh: 词元}
""",
    "book/references.bib": """\
@misc{kingma2015adam,
  author = {Kingma, Diederik and Ba, Jimmy}, title = {Adam}, year = {2015},
  eprint = {1412.6980},
}
@book{gauss1809theoria,
  author = {Gauss, Carl}, title = {Theoria}, year = {1809}, url = {https://a.org/b},
}
""",
    "book/01_first/index.md": "{cite:t}`gauss1809theoria`",
    "book/01_first/11_section.md": "{cite:p}`kingma2015adam, gauss1809theoria`",
    "book/timings.json": json.dumps(
        {
            "machine": {"cpu": "four | cores", "torch": "2.6"},
            "seconds": {"01_first/11_section": 12.34, "01_first/index": 1},
        }
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_terms(root: Path) -> None:
    english, chinese = (generated.terms(root, language) for language in ("en", "zh"))
    assert english.startswith("## Tensors\n\n| English | Chinese |\n| --- |")
    assert "| mean squared error (MSE) | 均方误差 |" in english
    assert "| dropout | 丢弃法 (also 暂退法、随机失活) |" in english
    assert "| dropout | 丢弃法（也作暂退法、随机失活） |" in chinese
    assert english.endswith("| English | Chinese |\n| --- | --- |\n| token | 词元 |")
    assert "## 文本\n\n| 英文 | 中文 |" in chinese


def test_references(root: Path) -> None:
    gauss, kingma = generated.references(root, "en").split("\n")
    assert gauss == (
        "- Carl Gauss (1809), [Theoria](https://a.org/b)"
        " ([1](../01_first/index.ipynb), [1.11](../01_first/11_section.ipynb))"
    )
    assert kingma.endswith(", arXiv:1412.6980 ([1.11](../01_first/11_section.ipynb))")
    assert generated.references(root, "zh").split("\n")[0] == (
        "- Carl Gauss（1809），[Theoria](https://a.org/b)"
        "（[1](../01_first/index.ipynb)、[1.11](../01_first/11_section.ipynb)）"
    )


def test_colophon(root: Path) -> None:
    page = generated.colophon(root, "en")
    assert "| cpu | four \\| cores |\n| torch | 2.6 |" in page
    assert page.endswith(
        "| Section | Seconds |\n| --- | --- |\n"
        "| [1](../01_first/index.ipynb) | 1.0 |\n"
        "| [1.11](../01_first/11_section.ipynb) | 12.3 |\n"
        "| Sum | 13.3 |"
    )
    chinese = generated.colophon(root, "zh")
    assert "| 处理器 | four \\| cores |" in chinese and "| 合计 | 13.3 |" in chinese
    (root / "book/timings.json").unlink()
    assert generated.colophon(root, "en") == "Nothing has been timed yet."


def test_data_needs_no_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from tools import generated;"
        "print(generated.data(Path(), sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    for language, word in (("en", "| Data set |"), ("zh", "| 数据集 |")):
        command = [sys.executable, "-c", program, language]
        run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(word)
        assert "Fashion-MNIST" in run.stdout


def test_the_terms_are_complete_and_single() -> None:
    groups = yaml.safe_load((REPOSITORY / "book/terms.yml").read_text("utf-8"))
    terms = [term for group in groups for term in group["terms"]]
    pairs = [(term["en"], term["zh"]) for term in terms]
    assert len(pairs) == len(set(pairs)) > 300
    assert all(english.strip() and chinese.strip() for english, chinese in pairs)
    keys = {"en", "zh", "abbr", "aliases", "avoid"}
    assert all(term.keys() <= keys for term in terms)
