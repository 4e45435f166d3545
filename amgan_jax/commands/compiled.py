"""What commands compile is kept in the user's cache folder, so that the next one starts in a fraction of the time."""

import hashlib
import logging
import os
import pathlib
import platform

import jax
import platformdirs

_OF_A_PROCESSOR = ("model name", "flags", "Features")  # lines of /proc/cpuinfo
_log = logging.getLogger(__name__)


def keep() -> None:
    """Makes JAX keep what it compiles. JAX's own settings hold: JAX_COMPILATION_CACHE_DIR, another folder, or
    JAX_ENABLE_COMPILATION_CACHE=0, none.

    A folder that cannot be written is a warning, as is a kept program that cannot be read: JAX compiles it again.
    """
    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or not settings["jax_enable_compilation_cache"]:
        return
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("what is compiled is not kept: cannot write %s: %s", folder, error.strerror)
        return
    if not os.access(folder, os.W_OK):
        _log.warning("what is compiled is not kept: %s may not be written", folder)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # the many small ones are seconds together
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _folder():
    """A folder a kind of processor: home folders are shared between machines, and programs are not."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    kind = [platform.machine(), *sorted({line for line in lines if line.startswith(_OF_A_PROCESSOR)})]
    digest = hashlib.sha256("\n".join(kind).encode()).hexdigest()
    return platformdirs.user_cache_path("amgan-jax") / "compiled" / digest[:12]
