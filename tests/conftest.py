"""Fixtures that several tests share: built datasets and one trained workdir."""

import os
import pathlib

# Tests compile for longer than they compute. Read when JAX is first imported, here and in what tests start.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# And many compile the same: what one has compiled, others load.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parents[1] / "build" / "test_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import jax  # noqa: E402
import pytest  # noqa: E402

from tests import helpers  # noqa: E402

_MAPS = pathlib.Path("/proc/self/maps")  # of this process' memory, on Linux


@pytest.fixture(scope="module", autouse=True)
def _room_for_programs():
    """Frees what has been compiled before the kernel's limit, 65,530 memory maps a process, at which JAX crashes."""
    yield
    if _MAPS.exists() and len(_MAPS.read_bytes().splitlines()) > 20_000:
        jax.clear_caches()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Where the tiny config's rendered garments are built."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def trained_workdir(tmp_path_factory, data_dir):
    """A workdir that `amgan_jax.main` trained on the tiny config, which built its data by itself."""
    directory = tmp_path_factory.mktemp("trained") / "w"
    result = helpers.run(
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={directory}",
        f"--config.data.data_dir={data_dir}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return directory
