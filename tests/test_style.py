"""What ruff has no rule for."""

import ast

from tests import helpers

LONGEST = 40  # lines of a function, its docstring too; configs are lists of values


def long_functions(source):
    """A source's functions that are too long, as `name: lines`."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    lines = [(function.name, 1 + function.end_lineno - function.lineno) for function in functions]
    return [f"{name}: {count}" for name, count in lines if count > LONGEST]


def unannotated(source):
    """Arguments and results without a type of a source's public functions, as `function: name`."""
    return [f"{name}: {part}" for name, function in _public_functions(ast.parse(source)) for part in _untyped(function)]


def _public_functions(tree):
    """(name, function) of what stands at the top or in public classes, their constructors and calls too.

    Of one with overloads, these.
    """
    overloaded = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_overload(node)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.{name}", function) for name, function in _public_functions(node))
        if not isinstance(node, ast.FunctionDef) or (node.name in overloaded and not _is_overload(node)):
            continue
        if node.name in ("__init__", "__call__") or node.name[0] != "_":
            yield node.name, node


def _is_overload(function):
    return any(isinstance(name, ast.Name) and name.id == "overload" for name in function.decorator_list)


def _untyped(function):
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    yield from (x.arg for x in arguments if x and x.annotation is None and x.arg not in ("self", "cls"))
    if function.returns is None and function.name != "__init__":
        yield "result"


def _found(check, folders):
    """What a check of sources finds in folders."""
    return [
        f"{path.relative_to(helpers.ROOT)}: {fault}"
        for folder in folders
        for path in sorted((helpers.ROOT / folder).rglob("*.py"))
        for fault in check(path.read_text())
    ]


def test_functions_are_short():
    assert not _found(long_functions, ("amgan_jax", "data", "tests", "benchmarks", "docs"))


def test_public_functions_have_types():
    assert not _found(unannotated, ("amgan_jax", "data", "benchmarks", "docs"))


def test_a_long_function_is_seen():
    source = "def short():\n    pass\n\n\ndef long():\n" + LONGEST * "    pass\n"
    assert long_functions(source) == [f"long: {LONGEST + 1}"]


def test_a_missing_type_is_seen():
    functions = "def f(a, b: int = 0, *c) -> int: ...\ndef _g(a): ...\n"
    methods = "class K:\n  def __init__(self, a): ...\n  def f(self): ...\n"
    assert unannotated(functions + methods) == ["f: a", "f: c", "K.__init__: a", "K.f: result"]
    overloads = "@overload\ndef f(a: int) -> int: ...\n@overload\ndef f(a: str): ...\ndef f(a): ...\n"
    assert unannotated(overloads) == ["f: result"]
