"""Build the site of both languages from the stored notebooks.

`python -m tools.site` reads `notebooks/en` and `notebooks/zh`, runs Jupyter
Book on each (nothing is executed, any warning is an error) and writes

    _build/site/index.html   a start page that picks the reader's language
    _build/site/en, zh       the pages
    _build/site/notebooks    their notebooks, to download
    _build/site/mathjax      what both need to show equations
    _build/site/pagefind     the index that both search

Where the environment says `D2L_REPOSITORY=owner/name`, pages carry buttons
to Colab, to the source and to a new issue; where it says `D2L_SITE=https://...`,
pages and `sitemap.xml` carry their full addresses. Elsewhere there are none.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import jinja2
import yaml

from tools import book, colab, publication
from tools.book import LANGUAGES, ROOT, toc

MATHJAX = (
    "tex-chtml.js",
    "output/chtml/fonts/woff-v2/",
    "input/tex/extensions/boldsymbol.js",
    "input/tex/extensions/cancel.js",
    "input/tex/extensions/color.js",
)
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
# Of the theme's files, what no page loads: three quarters of the site.
UNUSED = ("scripts/fontawesome.js*", "vendor", "**/*.map", "locales", "*macros.html")
PAGEFIND = ("--root-selector", "article.bd-article")
PAGEFIND += ("--exclude-selectors", ".headerlink, .math, .cell, nav")
BETWEEN_CHARACTERS = re.compile("(?<=[\u3400-\u9fff])(?=[\u3400-\u9fff])")


def overlay(base: dict, top: dict) -> dict:
    """Return `base` with the entries of `top` laid over it, nested ones too."""
    merged = dict(base)
    for key, value in top.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            value = overlay(base[key], value)
        merged[key] = value
    return merged


def repository_buttons(repository: str, language: str) -> dict:
    """Configure the buttons that lead to the GitHub repository `owner/name`.

    Colab opens the copies that `tools.colab` makes, on the branch `colab`;
    editing leads to the source in `book/`.
    """
    edit = f"https://github.com/{repository}/edit/main/book/"
    return {
        "repository": {
            "url": f"https://github.com/{repository}",
            "branch": "colab",
            "path_to_book": language,
        },
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
        "html": {
            "use_repository_button": True,
            "use_edit_page_button": True,
            "use_issues_button": True,
        },
        "sphinx": {
            "config": {
                "html_context": {
                    "edit_page_provider_name": "GitHub",
                    "edit_page_url_template": edit
                    + "{{ file_name | replace('.ipynb', '.md') }}",
                }
            }
        },
    }


def configuration(language: str) -> dict:
    """Return Jupyter Book's configuration for one language."""
    merged = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    merged["sphinx"]["local_extensions"] = {"tools.sphinx_site": str(ROOT)}
    top = ROOT / f"_config.{language}.yml"
    if top.exists():
        merged = overlay(merged, yaml.safe_load(top.read_text("utf-8")))
    if repository := publication.repository():
        merged = overlay(merged, repository_buttons(repository, language))
    if address := publication.address():
        merged = overlay(merged, {"html": {"baseurl": f"{address}{language}/"}})
    return merged


def missing_pages() -> list[str]:
    """List the notebooks that `_toc.yml` names and that do not exist."""
    paths = [
        book.notebook(ROOT, page, language)
        for language in LANGUAGES
        for page in toc(ROOT)
    ]
    return [path.relative_to(ROOT).as_posix() for path in paths if not path.exists()]


def start_build(language: str) -> subprocess.Popen:
    """Start Jupyter Book on one language, its messages going to a log."""
    work = ROOT / "_build" / language
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    config = ROOT / "_build" / f"config.{language}.yml"
    text = yaml.safe_dump(configuration(language), allow_unicode=True)
    config.write_text(text, "utf-8")
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", "-W", "--keep-going"]
    command += ["--all", "--path-output", str(work), "--config", str(config)]
    command += ["--toc", str(ROOT / "_toc.yml"), str(ROOT / "notebooks" / language)]
    with (work / "log.txt").open("w") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONUTF8": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def copy_mathjax(target: Path) -> None:
    """Copy what pages load of MathJax, 1.6 MB of 24, out of its wheel."""
    for file in files("sphinx-mathjax-offline") or []:
        name = file.as_posix().partition("/static/mathjax/")[2]
        if name.startswith(MATHJAX):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target / name)


def drop_unused(static: Path) -> None:
    """Remove what the theme brings and no page loads."""
    for pattern in UNUSED:
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def render(template: str, target: Path, **values) -> None:
    """Write a page that belongs to no language."""
    text = (ROOT / "tools" / "templates" / template).read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, keep_trailing_newline=True)
    target.write_text(environment.from_string(text).render(values), "utf-8")


def index(site: Path) -> None:
    """Let Pagefind index both languages.

    It reads copies in which a mark of no width parts Chinese characters: each
    is a word then. Cut into words, the same term is cut in one way here and in
    another one in a browser, and not found (`book/_static/search.js`).
    """
    copies = ROOT / "_build" / "search"
    shutil.rmtree(copies, ignore_errors=True)
    for language in LANGUAGES:
        for path in (site / language).rglob("*.html"):
            copy = copies / path.relative_to(site)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text("utf-8")
            copy.write_text(BETWEEN_CHARACTERS.sub("\u200b", text), "utf-8")
    command = [sys.executable, "-m", "pagefind", "--site", str(copies)]
    command += ["--output-path", str(site / "pagefind"), *PAGEFIND]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)


def build() -> Path:
    """Build both languages side by side and return the site's folder."""
    if missing := missing_pages():
        listed = "\n  ".join(missing)
        sys.exit(f"pages without notebooks (run make notebooks):\n  {listed}")
    address = publication.address()
    builds = {language: start_build(language) for language in LANGUAGES}
    failed = [language for language in LANGUAGES if builds[language].wait()]
    for language in failed:
        print((ROOT / "_build" / language / "log.txt").read_text("utf-8"))
    if failed:
        sys.exit(f"the site did not build without warnings: {', '.join(failed)}")

    site = ROOT / "_build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    copy_mathjax(site / "mathjax")
    for language in LANGUAGES:
        html = ROOT / "_build" / language / "_build" / "html"
        html.rename(site / language)
        drop_unused(site / language / "_static")
    index(site)
    colab.main(site / "notebooks", publication.repository())  # to download
    render("start.html", site / "index.html", address=address)
    render("start.html", site / "404.html", address=address, missing=True)
    if address:
        render("sitemap.xml", site / "sitemap.xml", address=address, pages=toc(ROOT))
    return site


if __name__ == "__main__":
    print(build() / "index.html")
