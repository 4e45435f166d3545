"""What README and docs/ say of the code is so: lengths, links, flags, configs, knobs, figures, and blocks that run."""

import ast
import importlib
import json
import pathlib
import re
import shlex

from PIL import Image
import pytest

from amgan_jax.configs import default
from amgan_jax.errors import UserError
from docs import make_results
from tests import helpers

_PAGES = [pathlib.Path("README.md"), *sorted(p.relative_to(helpers.ROOT) for p in helpers.ROOT.glob("docs/**/*.md"))]
_OF_TODAY = [page for page in _PAGES if page.name != "history.md" and page.parent.name not in ("history", "results")]
_LONGEST = {
    "README.md": 800,
    "docs/method.md": 1200,
    "docs/editing.md": 700,
    "docs/exporting.md": 800,
    "docs/training.md": 1000,
    "docs/measures.md": 700,
    "docs/results.md": 1200,
    "docs/recipe.md": 1500,
    "docs/datasets.md": 800,
    "docs/masks.md": 300,
    "docs/tpu.md": 800,
    "docs/contributing.md": 800,
}
_OF_OTHERS = {  # flags of pytest, Beam, mkdocs and Jupyter
    "dist", "runner", "direct_running_mode", "direct_num_workers", "strict", "to", "execute", "inplace", "coalesce",
}  # fmt: skip
_QUICK = re.compile(r"python -m amgan_jax\.(edit|classify|styles) ")  # commands that take seconds
_CONFIG_NAME = re.compile(r"\w*(_cpu|_pretrained|_pod|_64|_128)")  # how names of configs end


def _read(page):
    return re.sub(r"<!--.*?-->", "", (helpers.ROOT / page).read_text(), flags=re.DOTALL)


def count_words(text):
    """Words with a letter in them, outside of code blocks."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return sum(bool(re.search("[A-Za-z]", word)) for word in prose.split())


def broken_links(page, text):
    """Relative links of a page to a file, or a place in one, that is not there."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        name, _, place = link.partition("#")
        target = (helpers.ROOT / page).parent / name if name else helpers.ROOT / page
        if "://" in link:
            continue
        if not target.exists() or (place and place not in _places(target.read_text())):
            broken.append(link)
    return broken


def _places(text):
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    made = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    return {*made, *re.findall(r'<a name="([^"]+)"', text)}


def unknown_flags(text):
    """Flags that a page names and no command defines."""
    files = [p for folder in ("amgan_jax", "data", "benchmarks", "docs") for p in (helpers.ROOT / folder).rglob("*.py")]
    defined = {n for p in files for n in re.findall(r'\bDEFINE_\w+\(\s*"(\w+)"', p.read_text())}
    named = re.findall(r"(?<![\w-])--([a-z]\w*(?:\.\w+)*)", text)
    return sorted({n for n in named if n.split(".")[0] not in defined | _OF_OTHERS | {f"no{d}" for d in defined}})


def unknown_knobs(text):
    """Keys of a config that a page names, in backticks or as a flag, and configs/default.py does not have."""
    config = default.get_config()
    quoted = re.findall(r"`(?:config\.)?(\w+(?:\.\w+)+)(?:[ =][^`]*)?`", text)
    named = [n for n in quoted if n.split(".")[0] in config and not n.endswith(".py")]
    return sorted({n for n in (*named, *re.findall(r"--config\.(\w[\w.]*)", text)) if not _has(config, n)})


def _has(config, name):
    node = config
    for part in name.split("."):
        if node is config.data.builder:  # which differs from dataset to dataset
            return True
        if not hasattr(node, "keys") or part not in node:
            return False
        node = node[part]
    return True


def unknown_configs(text):
    """Names of configs that a page gives and configs/ does not have."""
    names = {p.stem for p in (helpers.ROOT / "configs").glob("*.py")}
    named = re.findall(r"configs/(\w+)\.py", text)
    named += [n for n in re.findall(r"`([a-z]\w*)(?:\.py)?(?::\w+)?`", text) if _CONFIG_NAME.fullmatch(n)]
    for row in re.findall(
        r"^\| (`[^|]+) \|[^|\n]*\|[^|\n]*\|$", _table(text, "| config | data | made for |"), re.MULTILINE
    ):
        named += re.findall(r"`(\w+)(?::\w+)?`", row)
    return sorted({n for n in named if n not in names and n not in {p.stem for p in helpers.ROOT.glob("docs/*.png")}})


def _table(text, header):
    start = text.find(header)
    return text[start:].split("\n\n")[0] if start >= 0 else ""


def unknown_names(code):
    """Attributes of this package's modules that a Python block uses and that are not there."""
    tree = ast.parse(code)
    imported = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module.startswith("amgan_jax")]
    modules = {a.name: importlib.import_module(f"{n.module}.{a.name}") for n in imported for a in n.names}
    used = [
        (n.value.id, n.attr) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    ]
    return [f"{module}.{name}" for module, name in used if module in modules and not hasattr(modules[module], name)]


def quick_commands(text):
    """(command, what it prints or None) of a page's lines that take seconds."""
    blocks = re.findall(r"```(bash|console)\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for kind, block in blocks if kind == "bash" for line in block.splitlines()]
    shown = [block.removeprefix("$ ").partition("\n")[::2] for kind, block in blocks if kind == "console"]
    return [c for c in (*((line, None) for line in lines), *shown) if _QUICK.match(c[0])]


_COMMANDS = dict(command for page in _OF_TODAY for command in quick_commands(_read(page)))


@pytest.fixture
def desk(trained_workdir, tmp_path, monkeypatch):
    """The folder that blocks of pages are run in: DIR is a workdir, and there are photos."""
    (tmp_path / "DIR").symlink_to(trained_workdir)
    (tmp_path / "data").symlink_to(helpers.ROOT / "data")
    (tmp_path / "amgan_jax").mkdir()
    (tmp_path / "amgan_jax" / "samples").symlink_to(helpers.ROOT / "amgan_jax" / "samples")
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
        Image.new("RGB", (60, 80), (200, 30, 40)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", _LONGEST)
def test_a_page_is_no_longer_than_it_should_be(page):
    words = count_words(_read(page))
    assert 50 < words <= _LONGEST[page]


@pytest.mark.parametrize("page", _PAGES, ids=str)
def test_links_lead_somewhere(page):
    assert not broken_links(page, _read(page))


@pytest.mark.parametrize("page", _OF_TODAY, ids=str)
def test_flags_knobs_and_configs_are_there(page):
    text = _read(page)
    assert not unknown_flags(text) and not unknown_knobs(text) and not unknown_configs(text)


@pytest.mark.parametrize("page", _OF_TODAY, ids=str)
def test_python_blocks_use_what_is_there(page):
    for code in re.findall(r"```python\n(.*?)```", _read(page), flags=re.DOTALL):
        assert not unknown_names(code)


@pytest.mark.parametrize("command", _COMMANDS)
def test_quick_commands_run(command, desk):
    words = shlex.split(command)
    result = helpers.run(*words[1:], cwd=desk)
    assert result.returncode == 0, result.stderr
    if _COMMANDS[command]:
        assert result.stdout == _COMMANDS[command]
    else:
        outputs = [desk / word.removeprefix("--output=") for word in words if word.startswith("--output=")]
        assert outputs and all(path.exists() for path in outputs)


@pytest.mark.parametrize("page", ["README.md", "docs/editing.md"])
def test_python_blocks_edit(page, desk):
    (block,) = re.findall(r"```python\n(.*?)```", _read(page), flags=re.DOTALL)
    exec(compile(block, page, "exec"), {})
    with Image.open(desk / "edited.png") as edited:
        assert edited.size == (60, 80)


def test_a_page_that_is_wrong_is_seen():
    assert count_words("one two\n```\nthree\n```\n| 0.5 | four |") == 3
    assert broken_links("docs/tpu.md", "[a](nothing.md) [b](#run) [c](#ran) [d](../README.md#run-it)") == [
        "nothing.md",
        "#ran",
    ]
    assert unknown_flags("`--set` and `--sett`, --noskip_bad, pip --config.seed=1 --runner=X") == ["sett"]
    assert unknown_knobs("`data.single` `data.max_edits`, `config.edit.in_turn`, --config.seeds=1 --config.seed=1") == [
        "data.max_edits",
        "seeds",
    ]
    assert unknown_configs("configs/tiny.py configs/tinny.py `products_64_cpu` `products_65_cpu` `edit`") == [
        "products_65_cpu",
        "tinny",
    ]
    table = "| config | data | made for |\n|---|---|---|\n| `tiny`, `quick` | rendered | tests |\n"
    assert unknown_configs(table) == ["quick"]
    assert unknown_names("from amgan_jax.editing import photos\nphotos.read(1)\nphotos.open(2)") == ["photos.open"]
    edit, explain = (f"python -m amgan_jax.{what}" for what in ("edit --set=color=red", "edit --explain"))
    text = f"```bash\npip install .\n{edit}\n```\n```console\n$ {explain}\nunderstood\n```\n"
    assert quick_commands(text) == [(edit, None), (explain, "understood\n")]


def test_tables_are_those_of_the_files():
    result = helpers.run("docs/make_results.py", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_page_with_another_figure_is_seen(tmp_path, monkeypatch):
    page = tmp_path / "results.md"
    text = (helpers.ROOT / "docs" / "results.md").read_text()
    page.write_text(text.replace("| 0.39 |", "| 0.93 |"))
    assert page.read_text() != text
    assert make_results.fill(page.read_text(), helpers.ROOT / "docs" / "results") == text


def test_a_table_is_made_of_what_the_files_have(tmp_path):
    block = "a\n<!-- table: {} -->\nold\n<!-- end of table -->\nb"
    empty = make_results.fill(block.format("all"), tmp_path)
    assert empty == "a\n<!-- table: all -->\n<!-- end of table -->\nb"
    report = {"edits/k1/all": 0.987, "edits/k2/all": 0.5, "edits/k2/in_turn/all": 0.75}
    (tmp_path / "quickstart.json").write_text(json.dumps(report))
    made = make_results.fill(block.format("all"), tmp_path)
    assert "| 32 x 32, one pass | 0.99 | 0.50 |" in made and "| 32 x 32, one after another |  | 0.75 |" in made
    assert "64 x 64" not in made and "old" not in made
    assert make_results.fill(made, tmp_path) == made
    assert "| 1 | 0.99 |  |  |  |" in make_results.fill(block.format("summary"), tmp_path)
    with pytest.raises(UserError, match="unknown table other: summary, all"):
        make_results.fill(block.format("other"), tmp_path)


def test_systems_are_compared_over_seeds(tmp_path):
    figures = {
        "amgan_published": {"edits/k1/all": [0.98, 0.96], "edits/k2/all": [0.9, 0.9]},
        "stargan_published": {"edits/k1/all": [0.97, 0.95], "edits/k2/all": [0.6, 0.6]},
        "sagan_published": {"edits/k1/all": [0.5, 0.5], "edits/k2/all": [0.4, 0.2]},
    }
    (tmp_path / "compare_published.json").write_text(json.dumps(figures))
    block = "<!-- table: {} -->\n<!-- end of table -->"
    made = make_results.fill(block.format("compared_all"), tmp_path)
    assert "| AMGAN, as published, 32 x 32 | **0.97** ± 0.01 | **0.90** ± 0.00 |" in made
    assert "| StarGAN, as published, 32 x 32 | **0.96** ± 0.01 | 0.60 ± 0.00 |" in made  # a tie, then none
    assert "| SaGAN, as published, 32 x 32 | 0.50 ± 0.00 | 0.30 ± 0.14 |" in made
    ratios = make_results.fill(block.format("ratios"), tmp_path)
    assert "| as published, 32 x 32 | 1.01 (StarGAN) | 1.50 (StarGAN) |" in ratios
