"""Paths that people name, and files that are written whole."""

import os

import pytest

from amgan_jax import files
from amgan_jax.errors import UserError


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_atomically(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(UserError, match="cannot write .*file: No space left on device"):
        files.write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_path_may_be_in_the_home_folder_but_no_bucket(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.local_path("~/run") == tmp_path / "run"
    with pytest.raises(UserError, match="gs://bucket/run is a URL: mount"):
        files.local_path("gs://bucket/run")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_atomically(tmp_path / "pipe", "table")
    assert os.read(reader, 10) == b"table" and (tmp_path / "pipe").is_fifo()
    os.close(reader)
