"""What mkdocs adds to docs/: README as the first page, the tutorial, a page a module, a page a file that pages link to.

Links of pages lead to files of the repository, so that they can be followed there too. Here they are led to the
pages that stand for these files.
"""

import ast
from collections.abc import Iterator
import os
import pathlib
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
import nbconvert

_ROOT = pathlib.Path(__file__).parent.parent
_PACKAGE = "amgan_jax"
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made, and names those of folders in the navigation."""
    for name, content in (*_pages_of_files(), *_pages_of_modules(), *_linked_files()):
        files.append(File.generated(config, name, content=content))
    names = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = _expand(config.nav, names)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Leads the links of a page of docs/ to pages."""
    return markdown if page.file.generated_by else relink(markdown, f"docs/{page.file.src_uri}")


def relink(text: str, path: str) -> str:
    """The text of a page, whose path in the repository is given, with links to pages in the place of files."""
    here, place = os.path.dirname(path), os.path.dirname(_page_of(path))

    def lead(match):
        target = os.path.normpath(os.path.join(here, match[0]))
        return os.path.relpath(_page_of(target), place) if (_ROOT / target).is_file() else match[0]

    return _LINK.sub(lead, text)


def _page_of(path: str) -> str:
    """What stands in the site for a file of the repository."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/").replace(".ipynb", ".md")
    if path.startswith(f"{_PACKAGE}/") and path.endswith(".py"):
        return path.replace(_PACKAGE, "api", 1).replace(".py", ".md")
    return f"source/{path}.md"


def _pages_of_files() -> Iterator[tuple[str, str | bytes]]:
    """README, and the tutorial with its pictures."""
    yield _page_of("README.md"), relink((_ROOT / "README.md").read_text(), "README.md")
    resources = {"output_files_dir": "tutorial_files"}
    body, resources = nbconvert.MarkdownExporter().from_filename(_ROOT / "docs" / "tutorial.ipynb", resources)
    yield _page_of("docs/tutorial.ipynb"), relink(body, "docs/tutorial.ipynb")
    yield from resources["outputs"].items()


def _pages_of_modules() -> Iterator[tuple[str, str]]:
    """A page for each module that says what it is, and one that lists them."""
    lines = ["# API\n\nA module a line. Names that start with _ are left out.\n", "| module | what |", "|---|---|"]
    for path in sorted((_ROOT / _PACKAGE).rglob("*.py")):
        about = ast.get_docstring(ast.parse(path.read_text()))
        if about:
            page = _page_of(path.relative_to(_ROOT).as_posix())
            module = ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")
            lines.append(f"| [{module}]({page.removeprefix('api/')}) | {about.splitlines()[0]} |")
            yield page, f"# {module.rpartition('.')[2]}\n\n::: {module}\n"
    yield "api/index.md", "\n".join(lines)


def _linked_files() -> Iterator[tuple[str, str]]:
    """A page for each file outside of docs/ and the package that a page links to."""
    linked = set()
    for page in (_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")):
        linked |= {(page.parent / link).resolve() for link in _LINK.findall(page.read_text())}
    for path in sorted(file for file in linked if file.is_file()):
        name = path.relative_to(_ROOT).as_posix()
        if _page_of(name).startswith("source/"):
            yield _page_of(name), f"# {name}\n\n````{path.suffix[1:]}\n{path.read_text()}\n````\n"


def _expand(nav, names: list[str]):
    """The navigation, with the pages of a folder in the place of its name."""
    if isinstance(nav, list):
        return [_expand(item, names) for item in nav]
    if isinstance(nav, dict):
        return {title: _expand(item, names) for title, item in nav.items()}
    return _pages_below(nav, names) if nav.endswith("/") else nav


def _pages_below(folder: str, names: list[str]) -> list:
    inside = [name for name in names if name.startswith(folder)]
    pages = [name for name in inside if "/" not in name.removeprefix(folder)]
    folders = dict.fromkeys(name.removeprefix(folder).partition("/")[0] for name in inside if name not in pages)
    pages.sort(key=lambda name: (not name.endswith("/index.md"), name))
    return [*pages, *({name: _pages_below(f"{folder}{name}/", names)} for name in folders)]
