"""Every page of the built site, opened in headless Chromium.

Needs `make html` and a Chromium (Debian's package `chromium`, for example);
is skipped, with the reason, where one is missing.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tools.pages import toc
from tools.site import copy_mathjax

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "site"
PAGES = [f"{lang}/{page}.html" for lang in ("en", "zh") for page in toc(ROOT)]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
QUIET += ("--disable-sync", "--disable-component-update", "--no-first-run")

# What the page shows, outside code: each line of text that looks like source.
RAW_TEXT = r"""() => {
  const markdown = /\*\*|^\+\+\+|\]\(|```|\{[a-z:]+\}`/;
  const latex = /\$\$|\$[^$\s\d][^$\n]*[^$\s]\$|\\[a-zA-Z]{2,}|\\[(\[]/;
  const skip = "pre, code, script, style, noscript, textarea, mjx-container";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    if (!(markdown.test(text) || latex.test(text))) continue;
    if (!walker.currentNode.parentElement.closest(skip)) found.push(text.slice(0, 80));
  }
  for (const error of document.querySelectorAll("mjx-merror, [mathcolor=red]"))
    found.push("maths: " + error.textContent.slice(0, 80));
  return found;
}"""
SOURCE = re.compile(r"```|\{[a-z:]+\}`|^\+\+\+|\\\(|\\[a-zA-Z]{2,}", re.MULTILINE)
BROKEN_IMAGES = """() => [...document.images]
  .filter((image) => !image.complete || !image.naturalWidth || !image.alt)
  .map((image) => image.getAttribute("src"))"""
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  return document.documentElement.scrollWidth - width;
}"""
TYPESET = "() => !document.querySelector('.math') || window.MathJax?.startup?.promise"


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a line on stderr for each."""

    def log_message(self, *args) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no Chromium on PATH (looked for {', '.join(PROGRAMS)})")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=program, args=[*QUIET])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site():
    if not (SITE / "index.html").exists():
        pytest.skip("no site in _build/site: run make html")
    with serve(SITE) as address:
        yield address


@pytest.fixture(scope="module")
def context(browser):
    return browser.new_context()


@pytest.fixture
def page(context):
    opened = context.new_page()
    opened.set_viewport_size({"width": 1280, "height": 900})
    opened.set_default_timeout(30_000)
    yield opened
    opened.close()


def faults(page, url: str) -> list[str]:
    """Open a page, wide and at 390 px, and list what is wrong with it."""
    origin = "/".join(url.split("/")[:3]) + "/"
    found = []

    def asked(request):
        if not request.url.startswith((origin, "data:", "blob:")):
            found.append(f"other host: {request.url}")

    def said(message):
        if message.type in ("error", "warning"):
            found.append(f"console: {message.text}")

    def answered(response):
        if response.status >= 400:
            found.append(f"request: {response.status} {response.url}")

    page.on("request", asked)
    page.on("console", said)
    page.on("response", answered)
    page.on("requestfailed", lambda request: found.append(f"request: {request.url}"))
    page.on("pageerror", lambda error: found.append(f"console: {error}"))
    page.goto(url)
    page.wait_for_function(TYPESET)
    found += [f"raw text: {text}" for text in page.evaluate(RAW_TEXT)]
    found += [f"image: {source}" for source in page.evaluate(BROKEN_IMAGES)]
    page.set_viewport_size({"width": 390, "height": 800})
    if (excess := page.evaluate(OVERFLOW)) > 0:
        found.append(f"overflow: {excess} px wider than a 390 px screen")
    return found


@pytest.mark.parametrize("path", [*PAGES, "en/search.html", "zh/search.html"])
def test_page(page, site, path):
    assert faults(page, f"{site}/{path}") == []


HEAD = "<!doctype html><meta charset='utf-8'><link rel='icon' href='data:,'>"
PLANTED = {
    "console": "<script>console.error('oh')</script>",
    "console: ": "<script>undefined.oh</script>",
    "request": "<link rel='stylesheet' href='absent.css'>",
    "other host": "<img src='http://127.0.0.2:9/x.png' alt='x'>",
    "image": "<img src='absent.png' alt='x'>",
    "image: ": "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='>",
    "overflow": "<div style='width: 500px'>wide</div>",
    "raw text: **": "<p>**回归（Regression）**是</p>",
    "raw text: $$": "<p>$$ x</p>",
    "raw text: so $x_i$": "<p>so $x_i$ is</p>",
    "raw text: \\frac": "<p>\\frac{1}{2}</p>",
    "raw text: {cite": "<p>{cite:t}`he2016deep`</p>",
    "raw text: +++": "<p>+++ {}</p>",
    "raw text: [3.2]": "<p>[3.2](../02.ipynb)</p>",
}


@pytest.mark.parametrize("expected", PLANTED)
def test_planted_fault_is_found(page, tmp_path, expected):
    (tmp_path / "x.html").write_text(HEAD + PLANTED[expected], "utf-8")
    with serve(tmp_path) as address:
        assert any(f.startswith(expected) for f in faults(page, f"{address}/x.html"))


@pytest.mark.parametrize("latex", [r"\nosuch", r"\frac{1", r"x_1_2"])
def test_planted_fault_in_maths_is_found(page, tmp_path, latex):
    copy_mathjax(tmp_path)
    body = rf"<script src='tex-chtml.js'></script><p class='math'>\({latex}\)</p>"
    (tmp_path / "x.html").write_text(HEAD + body, "utf-8")
    with serve(tmp_path) as address:
        (fault,) = faults(page, f"{address}/x.html")
    assert fault.startswith("raw text: ")


def test_sound_page_has_no_fault(page, tmp_path):
    sound = (
        "<!doctype html><link rel='icon' href='data:,'><p>a ** b? <code>**b**</code>"
    )
    (tmp_path / "x.html").write_text(sound.replace("a ** b? ", "costs $5 or $6 "))
    with serve(tmp_path) as address:
        assert faults(page, f"{address}/x.html") == []


@pytest.mark.parametrize(
    ("language", "term", "expected"),
    [
        ("en", "linear regression", "03_basics/01_linear_regression.html"),
        ("zh", "张量", "02_preliminaries/02_tensors.html"),
        ("zh", "线性回归", "03_basics/01_linear_regression.html"),
        ("zh", "softmax回归", "03_basics/04_softmax_regression.html"),
        ("en", "均方误差", "front/terms.html"),
    ],
)
def test_search_finds(page, site, language, term, expected):
    page.goto(f"{site}/{language}/search.html?q={term}")
    found = page.locator("#search-results ul.search > li > a")
    page.wait_for_function(
        "() => document.querySelector('.search-summary')?.innerText.length"
    )
    paths = {link.evaluate("a => a.pathname") for link in found.all()}
    assert f"/{language}/{expected}" in paths
    assert all((SITE / path.lstrip("/")).exists() for path in paths)
    page.wait_for_function(
        "count => document.querySelectorAll('.context').length == count",
        arg=found.count(),
    )
    quoted = page.locator("#search-results").inner_text()
    assert not SOURCE.search(quoted), "results quote text and code, no source"


def test_search_finds_nothing_where_nothing_is(page, site):
    page.goto(f"{site}/zh/search.html?q=量张错乱")
    page.wait_for_function(
        "() => document.querySelector('.search-summary')?.innerText.length"
    )
    assert page.locator("#search-results ul.search > li").count() == 0


def test_language_switch_leads_to_the_same_page_and_back(page, site):
    page.goto(f"{site}/en/03_basics/01_linear_regression.html")
    page.click(".language-switch")
    page.wait_for_url("**/zh/03_basics/01_linear_regression.html")
    assert page.evaluate("document.documentElement.lang").lower().startswith("zh")
    page.click(".language-switch")
    page.wait_for_url("**/en/03_basics/01_linear_regression.html")


@pytest.mark.parametrize(("locale", "folder"), [("zh-CN", "zh"), ("en-GB", "en")])
def test_start_page_picks_the_language_of_the_browser(browser, site, locale, folder):
    with browser.new_context(locale=locale) as context:
        page = context.new_page()
        page.goto(f"{site}/index.html")
        page.wait_for_url(f"**/{folder}/index.html")


def test_start_page_without_script(browser, site):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site}/index.html")
        page.click("text=阅读中文版")
        page.wait_for_url("**/zh/index.html")


def test_dark_mode(page, site):
    page.goto(f"{site}/en/index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = set()
    for _ in range(3):  # automatic, light, dark
        page.locator(".theme-switch-button:visible").first.click()
        mode = page.evaluate("document.documentElement.dataset.theme")
        seen.add((mode, page.evaluate(ground)))
    assert {mode for mode, _ in seen} == {"light", "dark"}
    assert len({colour for _, colour in seen}) == 2


def test_code_can_be_copied_and_solutions_open(page, site):
    page.goto(f"{site}/zh/03_basics/02_linear_regression_scratch.html")
    assert page.locator("button.copybtn").count() > 0
    solution = page.locator(".tag_solution details.hide").first
    assert "展开解答" in solution.locator("summary").inner_text()
    assert not solution.locator("pre").first.is_visible()
    solution.locator("summary").click()
    assert solution.locator("pre").first.is_visible()
    assert "收起解答" in solution.locator("summary").inner_text()
