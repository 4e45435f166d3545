"""What an installed package has, away from its checkout."""

import importlib.metadata

import pytest

import amgan_jax
from amgan_jax import garments
from tests import helpers


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that a plain installation copies."""
    folder = tmp_path_factory.mktemp("installed")
    result = helpers.run("setup.py", "-q", "build_py", f"--build-lib={folder}")
    assert result.returncode == 0, result.stderr
    return folder


def _run(installed, tmp_path, *command):
    return helpers.run("-m", *command, cwd=tmp_path, PYTHONPATH=str(installed))


def test_configs_are_installed(installed, tmp_path):
    command = ("amgan_jax.main", "--config=configs/tiny.py", f"--workdir={tmp_path}/w", "--config.sample_steps=0")
    helpers.assert_refused(_run(installed, tmp_path, *command), "sample_steps should be at least 1")


def test_builders_and_their_tables_are_installed(installed, tmp_path):
    (tmp_path / "images").mkdir()
    command = ("amgan_jax.build", "--dataset=fashion_products", f"--source={tmp_path}", f"--data_dir={tmp_path}/data")
    helpers.assert_refused(_run(installed, tmp_path, *command), "photos are bad", "fashion_products.csv")


def test_words_are_installed(installed, tmp_path):
    (tmp_path / "schema.json").write_text(garments.SCHEMA.to_json())
    (tmp_path / "config.json").write_text(helpers.tiny_config().to_json())
    result = _run(installed, tmp_path, "amgan_jax.edit", "--workdir=.", "--explain", "--text=a navy jumper")
    assert (result.returncode, result.stdout) == (0, 'understood: color=blue ("navy")\n')


def test_ready_weights_and_photos_to_try_are_installed(installed):
    for name in ("samples", "weights"):
        files = {path.relative_to(helpers.ROOT) for path in (helpers.ROOT / "amgan_jax" / name).rglob("*.*")}
        assert all((installed / path).read_bytes() == (helpers.ROOT / path).read_bytes() for path in files)
    assert (installed / "amgan_jax" / "samples" / "shirt.jpg").exists()


def test_the_version_is_that_of_what_is_installed():
    assert amgan_jax.__version__ == importlib.metadata.version("amgan-jax")
    with pytest.raises(AttributeError, match="no attribute 'versio'"):
        _ = amgan_jax.versio


def test_importing_the_package_imports_no_library():
    code = "import amgan_jax, sys; print(*{'jax', 'numpy', 'absl', 'importlib.metadata'} & set(sys.modules))"
    assert helpers.run("-S", "-c", code).stdout == "\n"
