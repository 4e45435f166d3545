"""The allocator that training on a CPU starts anew with."""

import os
import platform
import sys

import pytest

from tests import helpers

_SCRIPT = """
import os, sys
from amgan_jax.training import allocator
print(os.getpid(), __name__, sys.flags.dont_write_bytecode, *sys.argv[1:])
allocator.keep_memory()
print(*sorted(name for name in os.environ if name.startswith("MALLOC_")))
sys.exit(3)
"""


@pytest.fixture
def settings(monkeypatch):
    """No setting of the user's."""
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)


def _run(tmp_path, **environment):
    """The lines of a module's output that asks for it."""
    (tmp_path / "keeps.py").write_text(_SCRIPT)
    path = os.pathsep.join([str(tmp_path), str(helpers.ROOT)])
    result = helpers.run("-B", "-m", "keeps", "--name=a b", "", cwd=tmp_path, PYTHONPATH=path, **environment)
    assert result.returncode == 3, result.stderr
    return result.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_a_process_starts_anew_once_as_it_was_started(tmp_path, settings):
    first, second, names = _run(tmp_path)
    assert first == second and first.endswith(" __main__ 1 --name=a b ")
    assert names == "MALLOC_ARENA_MAX MALLOC_MMAP_MAX_ MALLOC_TOP_PAD_ MALLOC_TRIM_THRESHOLD_"


def test_a_setting_of_the_users_is_left_alone(tmp_path, settings):
    lines = _run(tmp_path, MALLOC_ARENA_MAX="2")
    assert len(lines) == 2 and lines[1] == "MALLOC_ARENA_MAX"
