"""Two languages that say the same, each in its own cells and its own typography."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest

from tools.book import LANGUAGES
from tools.check.source import (
    HAN,
    STAND_IN,
    Book,
    Cell,
    Item,
    Page,
    children,
    plain,
)
from tools.citations import ROLE, keys

Finding = tuple[int, str]
LABEL = {"en": re.compile(r"Exercise (\d+)\."), "zh": re.compile(r"练习(\d+)。")}
SUMMARY = {
    "en": re.compile(r"<summary>Solution (\d+)</summary>"),
    "zh": re.compile(r"<summary>解答(\d+)</summary>"),
}
SEQUENCES = ("heading", "list", "table", "equation", "exercise", "solution")
COLLECTIONS = ("image", "link", "citation")  # sentences may change their order
EQUATIONS = ("math_block", "math_block_label", "math_inline_double")


def tags(page: Page, book: Book) -> Iterator[Finding]:
    """Every Markdown cell is English, Chinese, or nothing but an equation."""
    for cell in page.markdown:
        if not cell.opened:
            yield cell.line, "text outside a cell: begin it with +++ and a language"
        elif unknown := set(cell.tags) - {"lang-en", "lang-zh"}:
            yield cell.line, f"unknown tag {min(unknown)!r} of a Markdown cell"
        elif len(cell.tags) > 1:
            yield cell.line, "a cell of two languages"
        elif not cell.tags and not _only_equations(cell):
            yield cell.line, "a cell without language tag may hold only equations"


def _only_equations(cell: Cell) -> bool:
    for token in cell.tokens:
        if token.type == "inline":
            kinds = {child.type for child in token.children if child.content.strip()}
            if not kinds <= set(EQUATIONS):
                return False
        elif token.type not in (*EQUATIONS, "paragraph_open", "paragraph_close"):
            return False
    return True


def both_languages(page: Page, book: Book) -> Iterator[Finding]:
    """Between two code cells stands text in both languages, or in neither."""
    stretch: dict[str | None, int] = {}
    for cell in [*page.cells, Cell("code", "", 0, {})]:
        if cell.kind == "markdown":
            stretch.setdefault(cell.language, cell.line)
            continue
        for language, other in (("en", "zh"), ("zh", "en")):
            if language in stretch and other not in stretch:
                yield stretch[language], f"no {LANGUAGES[other]} text beside this"
        stretch = {}


def other_language(page: Page, book: Book) -> Iterator[Finding]:
    """No Chinese prose in an English cell, no English prose in a Chinese one.

    Chinese in brackets, quotation marks, code or the text of a link is a term
    or a title, and may stand in an English sentence.
    """
    quoted = re.compile(r"\([^()]*\)|“[^”]*”|\"[^\"]*\"|《[^》]*》")
    for language in LANGUAGES:
        for item in page.texts[language]:
            if item.token.type == "html_block":
                text = re.sub(r"<[^>]*>", "", item.token.content)
            else:
                text = plain(item.token, links=False)
            chinese = re.search(f"[{HAN}]", text)
            if language == "en" and re.search(f"[{HAN}]", quoted.sub("", text)):
                yield item.line, "Chinese text in an English cell: is a +++ missing?"
            words = re.findall(r"[A-Za-z]{2,}", text)
            if language == "zh" and not chinese and len(words) > 2:
                yield item.line, "English text in a Chinese cell: is a +++ missing?"


def same_skeleton(page: Page, book: Book) -> Iterator[Finding]:
    """Both texts have the same headings, equations, lists, links and so on."""
    english, chinese = (_skeleton(page, language) for language in LANGUAGES)
    for kind in SEQUENCES:
        for i, pair in enumerate(zip_longest(english[kind], chinese[kind]), start=1):
            (en, zh) = (value[0] if value else "none" for value in pair)
            if en != zh:
                line = (pair[1] or pair[0])[1]
                yield line, f"{kind} {i} differs: English {en}, Chinese {zh}"
                break
    for kind in COLLECTIONS:
        for mine, theirs, name in (
            (english[kind], chinese[kind], "English"),
            (chinese[kind], english[kind], "Chinese"),
        ):
            surplus = Counter(v for v, _ in mine) - Counter(v for v, _ in theirs)
            for value, line in mine:
                if surplus[value]:
                    surplus[value] = 0
                    yield line, f"{kind} {value} in the {name} text only"


def _skeleton(page: Page, language: str) -> dict[str, list[tuple[str, int]]]:
    """Return the values of each kind of thing that both texts must have."""
    found: dict[str, list[tuple[str, int]]] = {k: [] for k in SEQUENCES + COLLECTIONS}
    open_lists: list[int] = []  # positions in found["list"]
    for item in page.streams[language]:
        token, line = item.token, item.line
        if token is None:
            continue
        if token.type == "heading_open":
            found["heading"].append((f"level {token.tag[1]}", line))
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            open_lists.append(len(found["list"]))
            found["list"].append(("of 0", line))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            open_lists.pop()
        elif token.type == "list_item_open":
            size, at = found["list"][open_lists[-1]]
            found["list"][open_lists[-1]] = (f"of {int(size[3:]) + 1}", at)
        elif token.type == "table_open":
            found["table"].append((f"of {token.map[1] - token.map[0]} lines", line))
        elif token.type in EQUATIONS:
            found["equation"].append(("one", line))
        elif token.type == "html_block" and "<details" in token.content:
            number = SUMMARY[language].search(token.content)
            found["solution"].append((number[1] if number else "unnumbered", line))
        elif token.type == "inline":
            if label := exercise(item, language):
                found["exercise"].append((str(label), line))
            for at, child in children(token, line):
                if child.type in EQUATIONS:
                    found["equation"].append(("one", at))
                elif child.type == "image":
                    found["image"].append((child.attrs["src"], at))
                elif child.type == "link_open" and ":" not in child.attrs["href"]:
                    page_linked = child.attrs["href"].partition("#")[0]
                    found["link"].append((page_linked or "into this page", at))
                elif child.type == "myst_role":
                    role = ROLE.match(f"{{{child.meta['name']}}}`{child.content}`")
                    for key in keys(role) if role else ():
                        found["citation"].append((key, at))
    return found


def exercise(item: Item, language: str) -> int | None:
    """Return the number of the exercise that a paragraph begins, if it does."""
    bold = item.token.children[:4] if item.token.children else []
    if any(child.type == "strong_open" for child in bold[:2]):
        label = LABEL[language].match(plain(item.token))
        return int(label[1]) if label else None
    return None


def headings(page: Page, book: Book) -> Iterator[Finding]:
    """One title per language."""
    for language, name in LANGUAGES.items():
        titles = [h for h in page.headings[language] if h.level == 1]
        if not titles:
            yield 1, f"no title (heading of level 1) in {name}"
        for heading in titles[1:]:
            yield heading.line, f"a second title (heading of level 1) in {name}"


def emphasis(page: Page, book: Book) -> Iterator[Finding]:
    """Asterisks that Markdown leaves in the text are emphasis that failed."""
    failed = re.compile(rf"\*\*|[{HAN}]\*|\*[{HAN}]")
    for language in LANGUAGES:
        for item in page.texts[language]:
            for line, child in children(item.token, item.line):
                if child.type == "text" and failed.search(child.content):
                    yield line, "emphasis does not render: punctuation inside its **"


def chinese_lines(page: Page, book: Book) -> Iterator[Finding]:
    """A Chinese paragraph is one line: a line break would show as a space."""
    for item in page.texts["zh"]:
        if re.search(f"[{HAN}]", plain(item.token)):
            for line, child in children(item.token, item.line):
                if child.type == "softbreak":
                    yield line, "a Chinese paragraph is broken over lines"
                    break


HALF_WIDTH = re.compile(rf"[{HAN}] ?[,.;:?!()]|[,.;:?!()] ?[{HAN}]|{STAND_IN} ?[,;?!]")
ALLOWED = re.compile(r"^\d[\d.]* ")  # the number of a chapter before its title
SPACE = re.compile(rf"[{HAN}，。；：？！（）、《》] | [{HAN}，。；：？！（）、《》]")


def chinese_typography(page: Page, book: Book) -> Iterator[Finding]:
    """Full-width punctuation, and no spaces beside Chinese characters."""
    for line, text in chinese(page):
        if not re.search(f"[{HAN}]", text):
            continue
        for offset, part in enumerate(text.split("\n")):
            if match := HALF_WIDTH.search(part):
                yield line + offset, f"half-width punctuation: {around(match)}"
            elif match := SPACE.search(ALLOWED.sub("", part)):
                yield line + offset, f"space beside Chinese: {around(match)}"


CALL = re.compile(r"[A-Za-z_][\w.]*\([^()]*\)")  # code, where no mark says so


def chinese(page: Page) -> Iterator[tuple[int, str]]:
    """Yield all Chinese text, alternative texts and claims included."""
    for item in page.texts["zh"]:
        yield item.line, plain(item.token)
    for cell in page.code:
        for words in (cell.metadata.get("alt"), cell.metadata.get("claim")):
            if isinstance(words, dict) and "zh" in words:
                yield cell.line, CALL.sub(STAND_IN, str(words["zh"]))


def around(match: re.Match[str]) -> str:
    part = match.string[max(match.start() - 4, 0) : match.end() + 4]
    return f"“{part.replace(STAND_IN, '…')}”"


RULES = (
    tags,
    both_languages,
    other_language,
    same_skeleton,
    headings,
    emphasis,
    chinese_lines,
    chinese_typography,
)
