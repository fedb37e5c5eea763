"""Each rule of tools.check catches the fault that is planted for it, and no other."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from samples import HEADER, TOC

from tools import check, notebooks
from tools.book import LANGUAGES, read, toc
from tools.check.source import cells
from tools.citations import Citations

REPOSITORY = Path(__file__).resolve().parents[2]
BIB = """\
@article{gauss1809theoria,
  author = {Gauss, Carl Friedrich}, title = {Theoria Motus}, year = {1809},
  doi = {10.1000/1},
}
@misc{kingma2015adam,
  author = {Kingma, Diederik and Ba, Jimmy}, title = {Adam}, year = {2015},
  eprint = {1412.6980},
}
"""
TERMS = """\
- title: {en: Numbers, zh: 数}
  terms:
  - {en: number / count (of things), zh: 一个数, avoid: [数目]}
"""
PACKAGE = '''\
def double(x: float) -> float:
    """Return twice x."""
    return 2 * x
'''
CLAIM_HEAD = """\
```{code-cell} ipython3
---
tags: [claim]
claim: {en: The loss falls., zh: 损失下降。}
---
"""
SECTION = """
+++ {"tags": ["lang-en"]}

# Doubling

How twice a number behaves, after [the notation](../front/notation.md#tables).
It was studied early {cite:p}`gauss1809theoria`.

## What you will be able to do

- double a number;
- draw it;
- learn it.

## Doubling by hand

Twice **a number** is

+++ {"tags": ["lang-zh"]}

# 加倍

数的两倍有什么性质，记号见[记号一节](../front/notation.md#tables)。早有研究{cite:p}`gauss1809theoria`。

## 学习目标

- 把一个数加倍；
- 画出它；
- 学会它。

## 手工加倍

**一个数**（number）的两倍是

+++

$$y = 2x$$

+++ {"tags": ["lang-en"]}

as this picture shows:

![A box, and beside it two boxes](../figures/box.svg)

+++ {"tags": ["lang-zh"]}

如图所示：

![一个方框，旁边是两个方框](../figures/box.svg)

```{code-cell} ipython3
import torch

import d2lutils as d2l

torch.manual_seed(0);
```

+++ {"tags": ["lang-en"]}

The function is one line.

+++ {"tags": ["lang-zh"]}

函数只有一行。

```{code-cell} ipython3
:tags: [saved]

def double(x):
    return 2 * x
```

+++ {"tags": ["lang-en"]}

Training finds it, too.

+++ {"tags": ["lang-zh"]}

训练也能找到它。

```{code-cell} ipython3
---
tags: [hide-input]
alt:
  en: Loss falls from 2 to 0.
  zh: 损失从2降到0。
---
history = d2l.fit(net, train, test, loss, optimizer, 3)
history.plot();
```

```{code-cell} ipython3
---
tags: [claim]
claim: {en: The loss falls., zh: 损失下降。}
---
assert history["loss"][-1] < 0.1, "three epochs suffice"
```

+++ {"tags": ["lang-en"]}

## Summary

- Twice is a sum.
- It is linear.
- It is learnt.

## Exercises

**Exercise 1.** Write `twice`.

+++ {"tags": ["lang-zh"]}

## 小结

- 两倍是一个和。
- 它是线性的。
- 它学得会。

## 练习

**练习1。** 编写`twice`。

```{code-cell} ipython3
:tags: [exercise]

def twice(x):
    ...  # your code


d2l.check(twice, [((1,), 2)])
```

+++ {"tags": ["lang-en"]}

<details>
<summary>Solution 1</summary>

Add the number to itself.

</details>

+++ {"tags": ["lang-zh"]}

<details>
<summary>解答1</summary>

把这个数与自身相加。

</details>

```{code-cell} ipython3
:tags: [solution]

def twice(x):
    return x + x


assert d2l.check(twice, [((1,), 2)])
```
"""
EXERCISE = """
+++ {{"tags": ["lang-en"]}}

**Exercise {0}.** Is it odd?

<details>
<summary>Solution {0}</summary>

No.

</details>

+++ {{"tags": ["lang-zh"]}}

**练习{0}。** 它是奇数吗？

<details>
<summary>解答{0}</summary>

不是。

</details>
"""
READING = """
+++ {"tags": ["lang-en"]}

## Further reading

- {cite:full}`gauss1809theoria`: where it began.
- {cite:full}`kingma2015adam`: how it is trained.

+++ {"tags": ["lang-zh"]}

## 延伸阅读

- {cite:full}`gauss1809theoria`：一切的开端。
- {cite:full}`kingma2015adam`：训练的方法。
"""
PAGE = """
+++ {{"tags": ["lang-en"]}}

# {0}

<span id="tables"></span>

+++ {{"tags": ["lang-zh"]}}

# {1}

<span id="tables"></span>
"""
FILES = {
    "_toc.yml": TOC,
    "book/references.bib": BIB,
    "book/terms.yml": TERMS,
    "book/figures/box.svg": "<svg/>",
    "d2lutils/toy.py": PACKAGE,
    "book/index.md": HEADER + PAGE.format("The course", "课程"),
    "book/front/notation.md": HEADER + PAGE.format("Notation", "记号"),
    "book/01_first/index.md": HEADER + PAGE.format("First", "第一章"),
    "book/01_first/11_section.md": HEADER
    + SECTION
    + "".join(map(EXERCISE.format, (2, 3, 4)))
    + READING,
}
TOC_FILE, BIB_FILE = "_toc.yml", "book/references.bib"
SECTION_FILE = "book/01_first/11_section.md"
FIGURE = nbformat.v4.new_output(
    "display_data", {"image/png": "aGk=", "text/plain": "<Figure>"}
)
HISTORY = nbformat.v4.new_output("stream", name="stdout", text="epoch 3  loss 0.1\n")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book in which everything is right, with its notebooks."""
    root = tmp_path_factory.mktemp("template")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    citations = Citations(root / BIB_FILE)
    for page in toc(root):
        notebook = read(root, page)
        for cell in notebook.cells:
            if "alt" in cell.metadata:
                cell.outputs = [HISTORY, FIGURE]
        texts = {
            language: notebooks.split(notebook, root, page, language, citations)
            for language in LANGUAGES
        }
        notebooks.write(root, page, texts)
    return root


@pytest.fixture
def book(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "book")


class Fault(NamedTuple):
    """Text and what is written instead; then the lines and messages to expect."""

    edits: list[tuple[str, str]]
    expected: list[tuple[str, str]]  # the named line begins so, the message contains
    file: str = SECTION_FILE


EN, ZH = '+++ {"tags": ["lang-en"]}', '+++ {"tags": ["lang-zh"]}'
EN_LINE, ZH_LINE = f"{EN}\n\nThe function is", f"{ZH}\n\n函数只有一行。"
CHECK = "\n\nd2l.check(twice, [((1,), 2)])\n```"
CLAIM = 'assert history["loss"][-1] < 0.1, "three epochs suffice"'
IMAGE = "![A box, and beside it two boxes](../figures/box.svg)"
CELL = "```{code-cell}\n" + "x = 1\n" * 20 + "```\n\n"
LONG = f"{EN}\n\nMore.\n\n{ZH}\n\n还有。\n\n{CELL}"
ODD = "\n<details>\n<summary>Solution 2</summary>\n\nNo.\n\n</details>\n"
ODD_ZH = "\n<details>\n<summary>解答2</summary>\n\n不是。\n\n</details>\n"


def both(old: str, new: str, old_zh: str, new_zh: str) -> list[tuple[str, str]]:
    """Plant the same fault in both languages."""
    return [(old, new), (old_zh, new_zh)]


def in_code(line: str) -> list[tuple[str, str]]:
    """Write a line into a code cell."""
    return [("torch.manual_seed(0);", f"{line}\ntorch.manual_seed(0);")]


FAULTS = {
    # ---- language.py
    "unknown language tag": Fault(
        [(EN_LINE, EN_LINE.replace("-en", "-eng"))],
        [("The function", "unknown tag 'lang-eng'"), ("函数", "no English text")],
    ),
    "no language tag": Fault(
        [(EN_LINE, "+++\n\nThe function is")],
        [("The function", "may hold only equations"), ("函数", "no English text")],
    ),
    "two languages in one cell": Fault(
        [("+++\n\n$$y", '+++ {"tags": ["lang-en", "lang-zh"]}\n\n$$y')],
        [("$$y", "two languages"), ("$$y", "equation 1 differs")],
    ),
    "text before the first cell": Fault(
        [("---\n\n+++", "---\n\n$$x$$\n\n+++")], [("$$x$$", "text outside a cell")]
    ),
    "text after a code cell": Fault(
        [(f"```\n\n{EN_LINE}", f"```\n\n$$x$$\n\n{EN_LINE}")],
        [("$$x$$", "text outside a cell")],
    ),
    "a cut that is no JSON": Fault(
        [(EN_LINE, EN_LINE.replace('"tags"', "tags"))], [("+++", "could not be read")]
    ),
    "a fence without end": Fault(
        [("\n## 延伸阅读", "\n```\n## 延伸阅读")],
        [
            ("---", "no part “## 延伸阅读”"),
            ("It was", "citation gauss1809theoria in the English text only"),
            ("## Further", "heading 6 differs"),
            ("- {cite:full}`gauss", "list 3 differs"),
            (
                "- {cite:full}`kingma",
                "citation kingma2015adam in the English text only",
            ),
        ],
    ),
    "English alone": Fault(
        [(f"{ZH_LINE}\n\n", "")], [("The function", "no Chinese text")]
    ),
    "Chinese alone": Fault(
        [(f"{EN_LINE} one line.\n\n", "")], [("函数", "no English text")]
    ),
    "+++ missing before Chinese": Fault(
        [(f"too.\n\n{ZH}\n\n训练", f"too.\n\n训练吧。\n\n{ZH}\n\n训练")],
        [("训练吧", "Chinese text in an English cell")],
    ),
    "+++ missing before English": Fault(
        [("函数只有一行。", "函数只有一行。\n\nIt is one line.")],
        [("It is one", "English text in a Chinese cell")],
    ),
    "headings differ": Fault(
        [("## 手工加倍", "### 手工加倍")],
        [("### 手工", "heading 3 differs: English level 2, Chinese level 3")],
    ),
    "equations differ": Fault(
        [("函数只有一行。", "函数只有一行。\n\n$$y$$")],
        [("$$y$$", "equation 2 differs: English none, Chinese one")],
    ),
    "lists differ": Fault(
        [("- 它是线性的。", "- 它是线性的。\n- 它很短。")],
        [("- 两倍", "list 2 differs: English of 3, Chinese of 4")],
    ),
    "tables differ": Fault(
        [("函数只有一行。", "| 一 |\n| --- |\n| 二 |")],
        [("| 一", "table 1 differs")],
    ),
    "images differ": Fault(
        [(IMAGE, "nothing")],
        [("![一个", "image ../figures/box.svg in the Chinese text only")],
    ),
    "links differ": Fault(
        [("[记号一节](../front/notation.md#tables)", "记号一节")],
        [("How twice", "link ../front/notation.md in the English text")],
    ),
    "citations differ": Fault(
        [("早有研究{cite:p}`gauss1809theoria`", "早有研究")],
        [("It was", "citation gauss1809theoria in the English text only")],
    ),
    "exercises differ": Fault(
        [("**练习4。** 它", "**习题4。** 它")],
        [
            ("**Exercise 4.**", "exercise 4 differs: English 4, Chinese none"),
            ("## 练习", "3 exercises in Chinese"),
        ],
    ),
    "solutions differ": Fault(
        [("<summary>解答4", "<summary>答案4")],
        [
            ("<details>", "solution 4 differs: English 4, Chinese unnumbered"),
            ("**练习4。**", "exercise 4 has no solution in Chinese"),
        ],
    ),
    "no title": Fault(
        both("# The course", "The course", "# 课程", "课程"),
        [
            ("---", "no title (heading of level 1) in Chinese"),
            ("---", "no title (heading of level 1) in English"),
        ],
        "book/index.md",
    ),
    "two titles": Fault(
        both("## Doubling by", "# Doubling by", "## 手工", "# 手工"),
        [("# Doubling by", "second title"), ("# 手工", "second title")],
    ),
    "emphasis that does not render": Fault(
        [("**一个数**（number）的", "**一个数（number）**的")],
        [("**一个数", "emphasis does not render")],
    ),
    "broken Chinese line": Fault(
        [("函数只有一行。", "函数只有\n一行。")], [("函数", "broken over lines")]
    ),
    "half-width comma": Fault(
        [("函数只有一行。", "函数,只有一行。")], [("函数", "half-width punctuation")]
    ),
    "half-width brackets": Fault(
        [("（number）", "(number)")], [("**一个", "half-width punctuation")]
    ),
    "half-width comma between code": Fault(
        [("编写`twice`", "编写`a`, `twice`")], [("**练习1", "half-width punctuation")]
    ),
    "space beside Latin": Fault(
        [("函数只有一行。", "函数只有 1 行。")], [("函数", "space beside Chinese")]
    ),
    "space beside code": Fault(
        [("编写`twice`", "编写 `twice`")], [("**练习1", "space beside Chinese")]
    ),
    "half-width in alt text": Fault(
        [("损失从2降到0。", "损失,从2降到0。")],
        [("history =", "half-width punctuation")],
    ),
    # ---- links.py
    "image without alt text": Fault(
        [("![A box, and beside it two boxes]", "![]")], [("![]", "without alt text")]
    ),
    "HTML image without alt text": Fault(
        [("函数只有一行。", '函数只有一行<img src="../figures/box.svg">。')],
        [("函数", "without alt text")],
    ),
    "role": Fault(
        [("函数只有一行。", "函数只有一行{ref}`tables`。")],
        [("函数", "role {ref}: write plain Markdown")],
    ),
    "unknown citation": Fault(
        both(
            "early {cite:p}`gauss1809",
            "early {cite:p}`gauss1810",
            "研究{cite:p}`gauss1809",
            "研究{cite:p}`gauss1810",
        ),
        [("It was", "citation of gauss1810theoria"), ("数的", "gauss1810theoria")],
    ),
    # ---- code.py
    "unknown code tag": Fault(
        [(":tags: [saved]", ":tags: [save]")], [("def double", "unknown tag 'save'")]
    ),
    "options that are no YAML": Fault(
        [(":tags: [saved]", ":tags: [saved")], [("```{code-cell}", "could not be read")]
    ),
    "code cell in a directive": Fault(
        [("The function is one line.", "````{note}\n```{code-cell}\n1\n```\n````")],
        [("```{code-cell}", "nested in a directive")],
    ),
    "code cell in a list": Fault(
        [("- It is linear.", "- It is linear.\n  ```{code-cell}\n  1\n  ```")],
        [("  ```{code-cell}", "nested in a directive or a list")],
    ),
    "code cell in details": Fault(
        both(
            "\n\nAdd the number to itself.\n\n</details>",
            "\n\nAdd it.",
            "\n\n把这个数与自身相加。\n\n</details>",
            "\n\n相加。",
        ),
        [("def twice", "a code cell inside <details>")],
    ),
    "code cell in a colon directive": Fault(
        [
            ("The function is one line.", ":::{note}\n\nThe function is one line."),
            ("Training finds it, too.", ":::\n\nTraining finds it, too."),
        ],
        [("def double", "inside a directive (:::)")],
    ),
    "two code cells in a row": Fault(
        [(f"{EN_LINE} one line.\n\n{ZH_LINE}\n\n", "")],
        [("def double", "two code cells without a sentence")],
    ),
    "only an equation between code cells": Fault(
        [(f"{EN_LINE} one line.\n\n{ZH_LINE}\n\n", "+++\n\n$$x$$\n\n")],
        [("def double", "two code cells without a sentence")],
    ),
    "wide line": Fault(
        in_code("x = " + "1 + " * 20 + "1"), [("x = 1", "a line of 85 columns")]
    ),
    "long cell": Fault(
        in_code("x = 1\n" * 29),
        [
            ("import torch", "a code cell of 35 lines (at most 30)"),
            ("import torch", "32 lines in a cell of the body (at most 20)"),
        ],
    ),
    "dense cell": Fault(
        in_code("x = 1\n" * 18),
        [("import torch", "21 lines in a cell of the body (at most 20)")],
    ),
    "long body": Fault(
        [(f"{CLAIM}\n```\n\n", f"{CLAIM}\n```\n\n" + 9 * LONG)],
        [("---", "185 lines of code in the body (at most 180)")],
    ),
    "Chinese comment": Fault(in_code("# 种子"), [("# 种子", "Chinese in code")]),
    "no Python": Fault(in_code("x ="), [("import torch", "this is not Python")]),
    ".data": Fault(in_code("w.data = x"), [("w.data", ".data bypasses autograd")]),
    "torch.load": Fault(
        in_code('torch.load("net.pt")'), [("torch.load", "without weights_only")]
    ),
    "claim without assertion": Fault(
        [(CLAIM, "print(history)")], [("print", "a claim without an assertion")]
    ),
    "assertion without words": Fault(
        [(CLAIM, CLAIM.partition(", ")[0])], [("assert", "without the claim in words")]
    ),
    "constant assertion": Fault(
        [(CLAIM, 'assert True, "it is good"')], [("assert", "cannot fail")]
    ),
    "claim without words": Fault(
        [("claim: {en: The loss falls., zh: 损失下降。}", "claim: {en: It falls.}")],
        [("assert", "a claim without its words in Chinese")],
    ),
    "number that no run prints": Fault(
        [("The function is one line.", "The loss ends at 0.123 and falls by 4.5 %.")],
        [
            ("The loss ends", "0.123 stands in no output, code or formula"),
            ("The loss ends", "4.5 % stands in no output, code or formula"),
        ],
    ),
    "number in Chinese that no run prints": Fault(
        [("函数只有一行。", "函数最后是0.123，降了4.5%。")],
        [
            ("函数最后", "0.123 stands in no output"),
            ("函数最后", "4.5% stands in no output"),
        ],
    ),
    "per cent and large number that no run prints": Fault(
        [("The function is one line.", "It takes 486 steps, 12 per cent of 1,486.")],
        [
            ("It takes", "1,486 stands in no output"),
            ("It takes", "486 stands in no output"),
            ("It takes", "12 per cent stands in no output"),
        ],
    ),
    "number that only a later cell prints": Fault(
        [("as this picture shows", "as the loss of 0.1 shows")],
        [("as the loss", "0.1 stands in no output, code or formula above")],
    ),
    "number in alt text that no run prints": Fault(
        [("zh: 损失从2降到0。", "zh: 损失从20万降到0。")],
        [("history =", "20万 stands in no output")],
    ),
    "training without claim": Fault(
        [(f"{CLAIM_HEAD}{CLAIM}\n```\n\n", "")],
        [("history = d2l.fit", "trains a model has no claim")],
    ),
    "saved code that differs": Fault(
        [("    return 2 * x", "    return x * 2")],
        [("def double", "double differs from the one in d2lutils")],
    ),
    "saved code that is nowhere": Fault(
        [("def double(x)", "def triple(x)")],
        [("def triple", "triple is not in d2lutils")],
    ),
    "saved cell without function": Fault(
        [("def double(x):\n    return 2 * x", "double = 2")],
        [("double = 2", "defines no function or class")],
    ),
    "exercise without check": Fault(
        [(CHECK, "\n```")], [("def twice", "an exercise cell without d2l.check")]
    ),
    "no exercise cell": Fault(
        [(":tags: [exercise]", ":tags: [solution]")],
        [("def twice", "no exercise cell with d2l.check")],
    ),
    # ---- prose.py
    "three colons": Fault(
        [("The function is one line.", "One: a. Two: b. It's three: c.")],
        [("One: a.", "a colon too many: 3 in 29 English sentences (at most 2)")],
    ),
    "three semicolons in Chinese": Fault(
        [("函数只有一行。", "一；二。三；四。五；六。")],
        [("一；二", "a semicolon too many: 3 in 29 Chinese sentences (at most 2)")],
    ),
    "two pairs of brackets": Fault(
        [("（number）的", "（number）（数）的")],
        [("**一个", "two pairs of brackets in a row: “mber）（数）的两”")],
    ),
    "a term and a work in two pairs of brackets": Fault(
        [("早有研究{cite:p}", "早有研究（study）{cite:p}")],
        [("数的两倍", "two pairs of brackets in a row")],
    ),
    "separator in a number": Fault(
        [("函数只有一行。", "函数不是$10{,}000$行，不是20\u2009000行。")],
        [
            ("函数不是", "“不是$10{,}000$行，不”"),
            ("函数不是", "“，不是20\u2009000行。”"),
        ],
    ),
    "space before a unit": Fault(
        [("函数只有一行。", "函数占2 kB，一行。")],
        [("函数占", "a space before a unit: “函数占2 kB，一行。”")],
    ),
    "question as a heading": Fault(
        [("## 手工加倍", "## 如何加倍")], [("## 如何", "“如何加倍” is no noun phrase")]
    ),
    "everyday word": Fault(
        [("函数只有一行。", "函数只有一行数目。")],
        [("函数只有", "数目: write 一个数 (terms.yml)")],
    ),
    "term that is not in the list": Fault(
        [("**一个数**（number）", "**数字**（number，见下文）")],
        [("**数字", "数字（number） is not in terms.yml")],
    ),
    # ---- anatomy.py
    "no summary": Fault(
        both("## Summary", "## In short", "## 小结", "## 总之"),
        [("---", "no part “## Summary”"), ("---", "no part “## 小结”")],
    ),
    "no outcomes": Fault(
        both("## What you will be able to do", "## Aims", "## 学习目标", "## 目标"),
        [("---", "no part “## What you"), ("---", "no part “## 学习目标”")],
    ),
    "no further reading": Fault(
        both("## Further reading", "## Books", "## 延伸阅读", "## 书籍"),
        [("---", "no part “## Further"), ("---", "no part “## 延伸阅读”")],
    ),
    "no exercises": Fault(
        both("## Exercises", "## Tasks", "## 练习", "## 任务"),
        [("---", "no part “## Exercises”"), ("---", "no part “## 练习”")],
    ),
    "summary before outcomes": Fault(
        both("## What you will be able to do", "## Summary", "## 学习目标", "## 小结")
        + both(
            "## Summary\n\n- Tw",
            "## What you will be able to do\n\n- Tw",
            "## 小结\n\n- 两",
            "## 学习目标\n\n- 两",
        ),
        [
            ("## Summary", "“Summary” stands before “What you will be able to do”"),
            ("## 小结", "“小结” stands before “学习目标”"),
        ],
    ),
    "two bullets of summary": Fault(
        both("- It is learnt.\n", "", "- 它学得会。\n", ""),
        [
            ("## Summary", "2 bullets under Summary: 3 to 6"),
            ("## 小结", "2 bullets under 小结: 3 to 6"),
        ],
    ),
    "six outcomes": Fault(
        both(
            "- draw it;",
            "- draw it;\n- a;\n- b;\n- c;",
            "- 画出它；",
            "- 画出它；\n- 一；\n- 二；\n- 三；",
        ),
        [("## What", "6 bullets under What"), ("## 学习", "6 bullets under 学习目标")],
    ),
    "one work of further reading": Fault(
        both(
            "- {cite:full}`kingma2015adam`: h",
            "\nAlso {cite:t}`kingma2015adam`: h",
            "- {cite:full}`kingma2015adam`：训",
            "\n另见{cite:t}`kingma2015adam`：训",
        ),
        [
            ("## Further", "1 bullets under Further reading: 2 to 6"),
            ("## 延伸阅读", "1 bullets under 延伸阅读: 2 to 6"),
        ],
    ),
    "further reading without citation": Fault(
        both(
            "- {cite:full}`gauss1809theoria`: where",
            "- Where",
            "- {cite:full}`gauss1809theoria`：一切",
            "- 一切",
        ),
        [
            ("- Where", "further reading without a citation"),
            ("- 一切", "further reading without a citation"),
        ],
    ),
    "exercise without solution": Fault(
        both(ODD, "", ODD_ZH, ""),
        [
            ("**Exercise 2.**", "exercise 2 has no solution in English"),
            ("**练习2。**", "exercise 2 has no solution in Chinese"),
        ],
    ),
    "exercise misnumbered": Fault(
        both("**Exercise 4.", "**Exercise 5.", "**练习4。", "**练习5。")
        + both("Solution 4", "Solution 5", "解答4", "解答5"),
        [("**Exercise 5.", "should be number 4"), ("**练习5", "should be number 4")],
    ),
    # ---- literature.py
    "work without address": Fault(
        [("  eprint = {1412.6980},\n", "")],
        [("@misc", "kingma2015adam without doi, eprint or url")],
        BIB_FILE,
    ),
    "work without year": Fault(
        [("title = {Adam}, year = {2015}", "title = {Adam}")],
        [("@misc", "kingma2015adam without year")],
        BIB_FILE,
    ),
    "work without author": Fault(
        [("author = {Kingma, Diederik and Ba, Jimmy}, ", "")],
        [("@misc", "kingma2015adam without author or editor")],
        BIB_FILE,
    ),
    "work cited nowhere": Fault(
        [
            (
                "@misc{",
                "@misc{ba2016layer, author={Ba}, title = {L}, year = {2016}, url = {u}}"
                "\n@misc{",
            )
        ],
        [("@misc{ba", "ba2016layer is cited nowhere")],
        BIB_FILE,
    ),
    "key repeated": Fault(
        [
            (
                "@misc{",
                "@misc{gauss1809theoria, title = {L}, year = {2016}, url = {u}}"
                "\n@misc{",
            )
        ],
        [("@misc{gauss", "gauss1809theoria is already on line 1")],
        BIB_FILE,
    ),
    # ---- __init__.py
    "entry without page": Fault(
        [("  - file: front/notation", "  - file: front/notation\n  - file: front/no")],
        [("  - file: front/no", "there is no book/front/no.md")],
        TOC_FILE,
    ),
}


# What looks like a fault and is none: must pass.
FINE = {
    "Chinese term in English": (
        "The function is one line.",
        "The function (函数) is “函数”, as [一](../index.md) says.",
        "函数只有一行。",
        "函数只有一行，见[首页](../index.md)。",
    ),
    "English name as Chinese heading": (
        "## Doubling by hand",
        "## Least Squares",
        "## 手工加倍",
        "## Least Squares",
    ),
    "bold label and its space": (
        "The function is one line.",
        "**Note.** The function.",
        "函数只有一行。",
        "**注意！** 函数：$y$，`x`和（a, b）。",
    ),
    "escaped asterisks": (
        "The function is one line.",
        "It is \\*\\*one\\*\\* line, `**kwargs`.",
        "函数只有一行。",
        "一行\\*\\*，`**kwargs`。",
    ),
    "link into the page": (
        "after [the notation](../front/notation.md#tables)",
        "below [here](#summary)",
        "记号见[记号一节](../front/notation.md#tables)",
        "见[下](#小结)",
    ),
    "number that is given, coded, derived or cited": (
        "The function is one line.",
        "It costs 0.125, $x = 0.375$, `0.1`; see section 3.12.\n\n"
        "{cite:t}`gauss1809theoria` found 0.987.",
        "import torch\n",
        "import torch\n\nprice = 0.125\n",
        "函数只有一行。",
        "价格是0.125，$x = 0.375$，`0.1`，见3.12节。\n\n"
        "{cite:t}`gauss1809theoria`得到0.987。",
    ),
    "whole number that is a year, coded, derived or a share": (
        "The function is one line.",
        "In 1987, 12,500 of $25{,}000$ rows were 2.5 million times 50 %.",
        "import torch\n",
        "import torch\n\nrows = 12_500\ntimes, share = 2_500_000, 0.5\n",
        "函数只有一行。",
        "1987年，$25000$行中的12500行是250万的50%。",
    ),
    "announcing colon and lead": (
        "The function is one line.",
        "**One**: a.\n\n{cite:t}`gauss1809theoria`: b.\n\nAt 15:20: “c”. It: `d`. Six:",
        "函数只有一行。",
        "**一**：甲。\n\n{cite:t}`gauss1809theoria`：乙。\n\n15:20时：“丙”。他：`丁`。六：",
    ),
    "other name of a term": ("（number）", "（count，计数）"),
    "call in a claim": ("zh: 损失下降。}", "zh: f(x, y)与g.f()相等。}"),
    "torch.utils.data": (
        "import torch\n",
        "import torch\n\ntorch.utils.data.default_collate\nd2l.data\n",
    ),
    "notebook magic": ("import torch\n", "%matplotlib inline\nimport torch\n"),
    "training without d2l.fit": ("d2l.fit(", "fit("),
    "solution in code alone": (
        "<details>\n<summary>Solution 1</summary>\n\nAdd the number to itself.\n\n"
        "</details>",
        "Add it to itself.",
        "<details>\n<summary>解答1</summary>\n\n把这个数与自身相加。\n\n</details>",
        "与自身相加。",
    ),
}


def plant(root: Path, edits: list[tuple[str, str]], file: str = SECTION_FILE) -> None:
    path = root / file
    text = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, f"the small book has no {old!r}"
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def expect(root: Path, expected: list[tuple[str, str]], file: str) -> None:
    """Demand these problems, by the beginning of their line, and no others."""
    found = [
        (p.file, (root / p.file).read_text("utf-8").split("\n")[p.line - 1], p.message)
        for p in check.problems(root)
    ]
    for start, message in expected:
        matches = [
            f
            for f in found
            if f[0] == file and f[1].startswith(start) and message in f[2]
        ]
        assert matches, f"{start!r}: {message!r} is not among {found}"
        found.remove(matches[0])
    assert found == [], "other problems than the planted one"


def test_the_small_book_is_right(book: Path) -> None:
    assert check.problems(book) == []


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault(book: Path, fault: Fault) -> None:
    plant(book, fault.edits, fault.file)
    expect(book, fault.expected, fault.file)


@pytest.mark.parametrize("edits", FINE.values(), ids=FINE)
def test_no_fault(book: Path, edits: tuple[str, ...]) -> None:
    plant(book, list(zip(edits[::2], edits[1::2], strict=True)))
    expect(book, [("---", "the notebooks do not match")], SECTION_FILE)


def test_page_missing_from_the_contents(book: Path) -> None:
    (book / "book/extra.md").write_text(FILES["book/index.md"], encoding="utf-8")
    expect(book, [("---", "this page is not in _toc.yml")], "book/extra.md")


def test_notebooks_that_do_not_match(book: Path) -> None:
    plant(book, [("The function is one line.", "It is one line.")])
    expect(book, [("---", "the notebooks do not match")], SECTION_FILE)


def test_figure_that_is_not_there(book: Path) -> None:
    (book / "book/figures/box.svg").unlink()
    expect(book, [("---", "the notebooks do not match")], SECTION_FILE)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_missing_notebook(book: Path, language: str) -> None:
    (book / "notebooks" / language / "index.ipynb").unlink()
    expect(book, [("---", "the notebooks do not match")], "book/index.md")


@pytest.mark.parametrize(
    "trains",
    [
        "for _ in range(3):\n    loss(net(X), y).backward()",
        "optimizer.step()",
        "history = d2l.fit(net, train, test, loss, optimizer, 3)",
    ],
)
def test_what_counts_as_training(book: Path, trains: str) -> None:
    plant(
        book,
        [
            ("history = d2l.fit(net, train, test, loss, optimizer, 3)", trains),
            (f"{CLAIM_HEAD}{CLAIM}\n```\n\n", ""),
        ],
    )
    expect(book, [(trains.split("\n")[0], "has no claim")], SECTION_FILE)


@pytest.mark.parametrize(
    ("alt", "missing"),
    [
        ("  en: Loss falls from 2 to 0.\n", ["English"]),
        ("  zh: 损失从2降到0。\n", ["Chinese"]),
        (
            "alt:\n  en: Loss falls from 2 to 0.\n  zh: 损失从2降到0。\n",
            ["English", "Chinese"],
        ),
    ],
)
def test_figure_without_alt_text(book: Path, alt: str, missing: list[str]) -> None:
    plant(book, [(alt, "")])
    wanted = [("history", f"a figure without alt text in {name}") for name in missing]
    expect(book, wanted, SECTION_FILE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x.py:3: UserWarning: slow", "a warning"),
        ("Traceback (most recent call last):", "a traceback"),
        (" 40%|####      | 4/10 [00:01<00:02]", "a progress bar"),
        ("10 batches, 3.2it/s]", "a progress bar"),
        ("saved in /home/reader/net.pt", "an absolute path"),
        ("saved in C:\\Users\\net.pt", "an absolute path"),
        ("<Generator object at 0x7f1e>", "an object's address"),
        ("GloVe: no source answers, so this is the stand-in", "a stand-in"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_spoiled_output(book: Path, language: str, text: str, message: str) -> None:
    output = nbformat.v4.new_output("stream", name="stdout", text=text)
    store(book, language, "double", output)
    wanted = [("def double", f"{message} in the output (notebooks/{language})")]
    expect(book, wanted, SECTION_FILE)


def test_spoiled_result(book: Path) -> None:
    output = nbformat.v4.new_output(
        "execute_result", {"text/plain": "<object at 0x7f1e>"}, execution_count=1
    )
    store(book, "en", "double", output)
    expect(book, [("def double", "an object's address")], SECTION_FILE)


def test_stderr_and_error_in_output(book: Path) -> None:
    stderr = nbformat.v4.new_output("stream", name="stderr", text="be careful")
    error = nbformat.v4.new_output("error", ename="E", evalue="no", traceback=["E: no"])
    store(book, "en", "double", stderr)
    store(book, "en", "import torch", error)
    wanted = [("def double", "text on stderr"), ("import torch", "an error")]
    expect(book, wanted, SECTION_FILE)


def test_error_that_is_the_lesson(book: Path) -> None:
    error = nbformat.v4.new_output("error", ename="E", evalue="no", traceback=["E: no"])
    plant(book, [(":tags: [saved]", ":tags: [saved, raises-exception]")])
    store(book, "en", "double", error)
    expect(book, [("---", "the notebooks do not match")], SECTION_FILE)


def test_announced_error_that_does_not_come(book: Path) -> None:
    plant(book, [(":tags: [saved]", ":tags: [saved, raises-exception]")])
    expect(book, [("def double", "the output holds no error")], SECTION_FILE)


def store(root: Path, language: str, code: str, output: nbformat.NotebookNode) -> None:
    """Write an output into the first stored code cell that holds `code`."""
    path = root / "notebooks" / language / "01_first/11_section.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and code in cell.source
    )
    cell.outputs = [output]
    nbformat.write(notebook, path)


def test_command_line(book: Path) -> None:
    """`python -m tools.check` prints file, line and message, and exits with 1."""
    page = book / "book/index.md"
    page.write_text(page.read_text("utf-8") + "\n![](no.svg)\n", encoding="utf-8")
    shutil.copytree(REPOSITORY / "tools", book / "tools")
    command = [sys.executable, "-m", "tools.check"]
    run = subprocess.run(command, cwd=book, capture_output=True, text=True)
    line = FILES["book/index.md"].count("\n") + 2
    assert f"book/index.md:{line}: image no.svg without alt text\n" in run.stdout
    assert run.returncode == 1
    shutil.copy(REPOSITORY / "conftest.py", book)
    page.write_text(FILES["book/index.md"], encoding="utf-8")
    run = subprocess.run(command, cwd=book, capture_output=True, text=True)
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)


TRICKY = (
    HEADER
    + """
+++ {"tags": ["lang-en"]}


Text before

````
```{code-cell} ipython3
quoted
```
+++
````

- a list

  ```python
  +++
  ```

+++

$$x$$

```{code-cell} ipython3
---
tags: [claim]
alt: {en: "a: b", zh: 图}
---

first
```
after

```{code-cell} ipython3
:tags: [saved]
:name: two

second


third
```

~~~{code-cell} ipython3

fourth

~~~
+++ {"tags": ["lang-zh"]}
末尾
"""
)


def test_cells_know_their_lines(tmp_path: Path) -> None:
    """The first line of a cell's text is the one that the cell names."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book/page.md").write_text(TRICKY, "utf-8")
    found = list(cells(read(tmp_path, "page"), TRICKY))
    lines = TRICKY.split("\n")
    starts = [(lines[cell.line - 1], cell.opened) for cell in found]
    assert starts == [
        ("Text before", True),
        ("$$x$$", True),
        ("first", True),
        ("after", False),
        ("second", True),
        ("fourth", True),
        ("末尾", True),
    ]
