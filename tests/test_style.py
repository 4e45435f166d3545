"""What ruff has no rule for."""

import ast

from tests import helpers

LONGEST = 40  # lines of a function, its docstring too; configs are lists of values


def long_functions(source):
    """A source's functions that are too long, as `name: lines`."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    lines = [(function.name, 1 + function.end_lineno - function.lineno) for function in functions]
    return [f"{name}: {count}" for name, count in lines if count > LONGEST]


def test_functions_are_short():
    found = []
    for folder in ("amgan_jax", "data", "tests", "benchmarks", "docs"):
        for path in sorted((helpers.ROOT / folder).rglob("*.py")):
            found += [f"{path.relative_to(helpers.ROOT)}:{function}" for function in long_functions(path.read_text())]
    assert not found


def test_a_long_function_is_seen():
    source = "def short():\n    pass\n\n\ndef long():\n" + LONGEST * "    pass\n"
    assert long_functions(source) == [f"long: {LONGEST + 1}"]
