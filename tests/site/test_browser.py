"""Every page of the built site, opened in headless Chromium.

Needs `make html` and a Chromium (Debian's package `chromium`, for example);
is skipped, with the reason, where one is missing.
"""

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tools.book import toc
from tools.site import copy_mathjax

ROOT = Path(__file__).resolve().parents[2]
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


class Compressed(Quiet):
    """Compress text, as the hosts of sites do."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        kind = self.guess_type(str(path))
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if re.search("text|script|svg|json", kind):
            self.send_header("Content-Encoding", "gzip")
            body = gzip.compress(body)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(folder: Path, handler: type[Quiet] = Quiet) -> Iterator[str]:
    """Serve a folder on loopback; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder))
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


def search(page, site: str, language: str, term: str) -> dict[str, str]:
    """Search for a term; return what is quoted of each page that is found."""
    page.set_viewport_size({"width": 1280, "height": 12_000})  # results load in sight
    page.goto(f"{site}/{language}/search.html?q={term}")
    page.wait_for_function("""() => {
      const count = document.querySelector(".pf-summary")?.innerText.match(/\\d+/);
      const loaded = document.querySelectorAll(".pf-result-excerpt").length;
      return count && loaded === Number(count[0]);
    }""")
    quotes = {}
    for result in page.locator(".pf-result").all():
        path = result.locator("a").first.evaluate("a => a.pathname")
        path = re.sub("/$", "/index.html", path)
        quotes[path] = result.locator(".pf-result-excerpt").inner_text()
    return quotes


def pages_with(language: str, term: str) -> set[str]:
    """Return the pages whose text has a term, as the notebooks have it."""
    found = set()
    for page in toc(ROOT):
        path = ROOT / "notebooks" / language / f"{page}.ipynb"
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        if term in re.sub(r"\$[^$]*\$|\(data:[^)]*\)|```.*?```", "", "\n".join(text)):
            found.add(f"/{language}/{page}.html")
    return found


@pytest.mark.parametrize(
    ("language", "term", "topic"),
    [
        ("en", "automatic differentiation", "02_preliminaries/03_autograd"),
        ("en", "linear regression", "03_basics/01_linear_regression"),
        ("en", "均方误差", None),
        ("zh", "熵", "03_basics/04_softmax_regression"),
        ("zh", "均方误差", None),
        ("zh", "张量", "02_preliminaries/02_tensors"),
        ("zh", "softmax回归", "03_basics/04_softmax_regression"),
    ],
)
def test_search_finds_each_page_that_has_the_term(page, site, language, term, topic):
    quotes = search(page, site, language, term)
    assert set() < pages_with(language, term) <= set(quotes)
    if topic:
        assert f"/{language}/{topic}.html" in list(quotes)[:4], "high in the list"
    chrome = re.compile("Link to this|标题的链接|Solution in code|解答的代码")
    for quote in quotes.values():
        assert not SOURCE.search(quote) and not chrome.search(quote)


def test_search_is_loaded_by_who_searches_and_works_by_keyboard(page, site):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/en/index.html")
    assert not any("pagefind" in url for url in asked)
    page.keyboard.press("Control+k")
    page.keyboard.type("tensor")
    page.keyboard.press("Enter")
    page.wait_for_url("**/en/search.html?q=tensor")
    page.wait_for_selector(".pf-result a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/02_preliminaries/02_tensors.html")


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
    summary = solution.locator("summary")
    assert summary.inner_text() == "解答的代码"
    assert not solution.locator("pre").first.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    assert solution.locator("pre").first.is_visible()
    assert summary.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_a_page_downloads_its_notebook(page, site):
    page.goto(f"{site}/zh/03_basics/08_mlp.html")
    with page.expect_download() as download:
        page.click("a[download]")
    assert download.value.suggested_filename == "08_mlp.ipynb"
    notebook = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert notebook["nbformat"] == 4


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_control_has_a_name_in_the_language_of_the_page(page, site, language):
    page.goto(f"{site}/{language}/03_basics/08_mlp.html")
    names = page.evaluate("""() => [...document.querySelectorAll(
        "button, summary, [aria-label]")].map((control) =>
        control.getAttribute("aria-label") || control.textContent.trim()
        || control.title || control.dataset.bsOriginalTitle || "")""")
    assert names and all(names)
    chinese = [name for name in names if re.search("[\u4e00-\u9fff]", name)]
    assert chinese == ([] if language == "en" else names)
    chapter = page.locator("nav.bd-links summary").nth(1)
    assert "3" in chapter.get_attribute("aria-label")


def test_keys_scroll_what_is_wider_than_a_phone(page, site):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{site}/en/03_basics/08_mlp.html")
    page.wait_for_function(TYPESET)
    page.wait_for_timeout(300)
    boxes = page.evaluate("""() => [...document.querySelectorAll(".bd-article *")]
      .filter((box) => /auto|scroll/.test(getComputedStyle(box).overflowX)
        && box.scrollWidth > box.clientWidth + 1 && box.checkVisibility())
      .map((box) => [box.tabIndex, box.getAttribute("aria-label")])""")
    assert len(boxes) > 5
    assert all(place == 0 and name for place, name in boxes)


def test_paper_is_light_and_solutions_are_open_on_it(browser, site):
    with browser.new_context(color_scheme="dark") as context:
        page = context.new_page()
        page.goto(f"{site}/en/03_basics/08_mlp.html")
        state = """() => [document.documentElement.dataset.theme,
          document.querySelectorAll(".bd-article details:not(.hide, [open])").length]"""
        theme, closed = page.evaluate(state)
        assert theme == "dark" and closed > 0
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(state) == ["light", 0]
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(state) == [theme, closed]


@pytest.mark.parametrize(
    ("path", "most"), [("index", 500_000), ("03_basics/08_mlp", 1_000_000)]
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_first_visit_is_light(browser, language, path, most):
    """What Chromium receives from a host that compresses text, as hosts do."""
    if not (SITE / "index.html").exists():
        pytest.skip("no site in _build/site: run make html")
    with serve(SITE, Compressed) as address, browser.new_context() as context:
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        sizes = []
        devtools.on(
            "Network.loadingFinished", lambda e: sizes.append(e["encodedDataLength"])
        )
        page.goto(f"{address}/{language}/{path}.html")
        page.wait_for_load_state("networkidle")
    assert len(sizes) > 10 and sum(sizes) <= most
