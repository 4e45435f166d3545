"""Each package of amgan_jax knows only what stands below it, and no two modules need each other."""

import ast
import graphlib

import pytest

from tests import helpers

# From the bottom to the top. Packages, and modules that stand beside them.
ORDER = (
    "errors",
    "types",
    "cli",
    "files",
    "schema",
    "configs",
    "encoding",
    "garments",
    "workdir",
    "models",
    "metrics",
    "report",
    "training",
    "input",
    "bundles",
    "editing",
    "exporting",
    "page",
    "measures",
    "datasets",
    "experiment",
    "commands",
)
RUN_BY_NAME = {"main", "edit", "classify", "styles", "build", "export", "demo"}  # python -m amgan_jax.NAME


def imported(source, package):
    """Modules of a package that a source imports anywhere: `package.a.b` for `from package.a import b`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith(f"{package}.")}


def _module(name, modules):
    """The module that an imported name is, or is in."""
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def _modules():
    """{module: source} of amgan_jax."""
    found = {}
    for folder, package in (
        ("configs", "amgan_jax.configs"),
        ("data", "amgan_jax.datasets"),
        ("amgan_jax", "amgan_jax"),
    ):
        for path in sorted((helpers.ROOT / folder).rglob("*.py")):
            name = ".".join((package, *path.relative_to(helpers.ROOT / folder).with_suffix("").parts))
            found[name.removesuffix(".__init__")] = path.read_text()
    return found


def _graph(modules):
    """{module: the modules that it imports}."""
    return {
        name: {_module(found, modules) for found in imported(source, "amgan_jax")} for name, source in modules.items()
    }


def backwards(graph, order):
    """Imports of what stands above, as `a imports b`."""
    place = {name: i for i, name in enumerate(order)}

    def layer(module):
        return place[module.split(".")[1]]

    return [f"{a} imports {b}" for a, needed in graph.items() for b in needed if layer(b) > layer(a)]


def test_no_import_runs_backwards():
    graph = _graph(_modules())
    graph = {name: needed for name, needed in graph.items() if name != "amgan_jax"}
    assert not backwards(graph, (*ORDER, *RUN_BY_NAME))


def test_what_is_run_by_name_knows_its_command_only():
    graph = _graph(_modules())
    for name in RUN_BY_NAME:
        assert {needed.split(".")[1] for needed in graph[f"amgan_jax.{name}"]} <= {"commands", "datasets"}


def test_no_two_modules_need_each_other():
    tuple(graphlib.TopologicalSorter(_graph(_modules())).static_order())


def test_what_runs_backwards_is_seen():
    sources = {"p.low": "def f():\n    from p import high\n", "p.high": "from p.low import f", "p": ""}
    graph = {name: {_module(found, sources) for found in imported(text, "p")} for name, text in sources.items()}
    assert backwards({"p.low": graph["p.low"], "p.high": graph["p.high"]}, ("low", "high")) == ["p.low imports p.high"]
    with pytest.raises(graphlib.CycleError):
        tuple(graphlib.TopologicalSorter(graph).static_order())


def test_few_modules_import_tensorflow():
    """Training runs where there is none."""
    sources = _modules()
    users = [name for name, source in sources.items() if "import tensorflow" in source]
    beside_builders = [name for name in users if not name.startswith("amgan_jax.datasets.")]
    assert beside_builders == ["amgan_jax.exporting.formats", "amgan_jax.input.tfdata"]
