"""What all commands have in common."""

import pytest

from tests import helpers


@pytest.mark.parametrize(
    ("module", "platform", "said"),
    [
        ("main", "cuda", "'.[cuda]'"),
        ("main", "rocm", "JAX finds no such device here"),
        ("classify", "tpu", "'.[tpu]'"),
    ],
)
def test_a_platform_that_there_is_not_is_refused(request, tmp_path, module, platform, said):
    if module == "main":
        flags = ("--config=configs/tiny.py", f"--workdir={tmp_path / 'w'}")
    else:
        (tmp_path / "a.png").write_bytes(b"")
        flags = (f"--workdir={request.getfixturevalue('trained_workdir')}", f"--images={tmp_path}/*.png")
    result = helpers.run("-m", f"amgan_jax.{module}", *flags, JAX_PLATFORMS=platform)
    helpers.assert_refused(result, f"JAX_PLATFORMS={platform}: ", said)


_ALL = """
from absl import flags
import matplotlib
backend = matplotlib.rcParams._get("backend")
from amgan_jax.commands import classify, edit, train
from amgan_jax import report
assert matplotlib.rcParams._get("backend") == backend
assert not {"workdir", "images", "config", "set"} & set(flags.FLAGS)
edit.define_flags()
flags.FLAGS(["edit", "--workdir=w", "--images=i", "--set=s", "--output=o"])
assert flags.FLAGS.workdir == "w"
"""


def test_all_commands_can_be_imported_in_one_process_and_change_nothing_there():
    result = helpers.run("-c", _ALL)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("theirs", ["configs/__init__.py", "configs/other.py", "configs.py"])
def test_a_teams_own_configs_do_not_hide_ours(tmp_path, theirs):
    (tmp_path / "configs").mkdir()
    (tmp_path / theirs).write_text("")
    (tmp_path / "configs" / "base.py").write_text("SIZE = 0\n")
    (tmp_path / "configs" / "default.py").write_text("raise ValueError('theirs, which ours do not start from')\n")
    mine = "from configs import base, tiny\n\ndef get_config():\n    config = tiny.get_config()\n"
    (tmp_path / "configs" / "mine.py").write_text(f"{mine}    config.sample_steps = base.SIZE\n    return config\n")
    flags = ("--config=configs/mine.py", f"--workdir={tmp_path}/w")
    result = helpers.run("-m", "amgan_jax.main", *flags, cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{helpers.ROOT}")
    helpers.assert_refused(result, "sample_steps should be at least 1")


_LIGHT = """
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(f"amgan_jax.{module}", run_name="__main__")
finally:
    print("heavy:", *{"jax", "tensorflow", "matplotlib"} & set(sys.modules))
"""


@pytest.mark.parametrize("module", ["main", "edit", "classify", "build"])
def test_help_and_bad_flags_wait_for_no_library(module):
    """--help shows examples, then the flags."""
    result = helpers.run("-c", _LIGHT, module, "--help")
    assert result.returncode == 0, result.stderr
    examples, _, flags = result.stdout.partition("\nFlags:\n")
    assert "\npython " in examples and "\n  --" in flags and "\n  --" not in examples
    assert result.stdout.splitlines()[-1] == "heavy:"
    result = helpers.run("-c", _LIGHT, module, "--nonsense")
    helpers.assert_refused(result, "Unknown command line flag 'nonsense'")
    assert result.stdout.splitlines()[-1] == "heavy:"


def test_no_folder_may_be_named_as_the_default_reads(tmp_path):
    """`data_dir=None`, which a flag gives as a text."""
    flags = ("--config=configs/tiny.py", f"--workdir={tmp_path}/w", "--config.data.builder.train=63")
    flags += ("--config.data.build=False", "--config.data.data_dir=None", "--config.data.source=None")
    result = helpers.run("-m", "amgan_jax.main", *flags, cwd=helpers.ROOT, TFDS_DATA_DIR=str(tmp_path / "tfds"))
    helpers.assert_refused(result, f"is not built in {tmp_path / 'tfds'}; build it with")
    assert "None" not in result.stderr.splitlines()[-1]
