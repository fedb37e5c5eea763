"""The book on disk: the order of its pages, and where their links lead."""

import subprocess
import sys
from pathlib import Path

from tools import book

TOC = """\
root: index
parts:
- chapters:
  - file: front/notation
- numbered: true
  chapters:
  - file: 01_first/index
  - file: 02_second/index
    sections:
    - file: 02_second/11_section
"""
LINKS = """\
[home](../index.md#小结), `net[0](X)` and $f[0](x)$ and [a
[b] `c`](d.md "t") [![i](e.svg)](f.md).

> - ![*two* boxes](g.svg)

| [a](b.md) | [a](b.md) |
| --- | --- |
| see [c](d.md) | [c](d.md) |

$$f[0](x.md)$$

```
[code](x.md)
```
"""
REWRITTEN = """\
[home](<../index.md#小结>), `net[0](X)` and $f[0](x)$ and [a
[b] `c`](<d.md "t">) [{i e.svg}](<f.md>).

> - {*two* boxes g.svg}

| [a](<b.md>) | [a](<b.md>) |
| --- | --- |
| see [c](<d.md>) | [c](<d.md>) |

$$f[0](x.md)$$

```
[code](x.md)
```
"""


def test_pages_in_reading_order(tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text(TOC)
    section = "02_second/11_section"
    assert book.toc(tmp_path) == [
        "index",
        "front/notation",
        "01_first/index",
        "02_second/index",
        section,
    ]
    assert book.sections(tmp_path) == {"01_first/index", section}


def test_numbers() -> None:
    assert book.number("03_basics/11_model_selection") == "3.11"
    assert book.number("01_introduction/index") == "1"
    assert book.number("front/notation") == "front/notation"


def test_links_are_what_markdown_takes_for_links() -> None:
    def rewrite(target: str, alt: str | None) -> str:
        return f"<{target}>" if alt is None else f"{{{alt} {target}}}"

    assert book.relink(LINKS, rewrite) == REWRITTEN


def test_reading_a_page_loads_no_grammars() -> None:
    code = "import sys, tools.book; sys.exit('lark' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=book.ROOT, check=True)
