"""What a command compiles is kept for the next one, where it can be."""

from tests import helpers

_COMPILE = """
import logging
logging.basicConfig()
from amgan_jax.commands import compiled
compiled.keep()
import jax
assert jax.jit(lambda x: 2.0 * x + 1.0)(3.0) == 7.0
"""


def _compile(cache, **environment):
    """Compiles something in a process whose user keeps caches in a folder; JAX's own settings are unset."""
    unset = {"JAX_COMPILATION_CACHE_DIR": "", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1.0"}
    result = helpers.run("-c", _COMPILE, **(unset | {"XDG_CACHE_HOME": str(cache)} | environment))
    assert result.returncode == 0, result.stderr
    return result


def _kept(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*-cache")}


def test_what_is_compiled_is_kept_used_again_and_compiled_again_where_it_is_damaged(tmp_path):
    assert _compile(tmp_path).stderr == ""
    kept = _kept(tmp_path / "amgan-jax" / "compiled")
    assert kept
    assert _compile(tmp_path).stderr == "" and _kept(tmp_path) == kept
    for path in kept:  # as of another process that is writing, or was killed
        path.write_bytes(path.read_bytes()[:40])
    assert "Error reading persistent compilation cache entry" in _compile(tmp_path).stderr


def test_jaxs_own_settings_hold(tmp_path):
    _compile(tmp_path, JAX_ENABLE_COMPILATION_CACHE="0")
    assert not _kept(tmp_path)
    _compile(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"), JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0")
    assert _kept(tmp_path / "mine") == _kept(tmp_path) != {}


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "file").touch()
    said = _compile(tmp_path / "file").stderr
    assert said.count("\n") == 1 and "what is compiled is not kept: cannot write" in said
