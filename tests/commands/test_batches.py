"""Photos in flow, and what is remembered of them."""

import json
import threading

import pytest

from amgan_jax.commands import batches
from amgan_jax.commands.journal import Journal
from amgan_jax.errors import UserError


def test_work_in_threads_keeps_order_and_takes_in_only_a_few_at_a_time():
    taken, worked = [], set()

    def items():
        for i in range(200):
            taken.append(i)
            yield i

    def work(item):
        worked.add(threading.get_ident())
        return 2 * item

    with batches.threads() as pool:
        for i, done in enumerate(batches.in_threads(pool, work, items())):
            assert done.result() == 2 * i and len(taken) <= i + 1 + batches.BATCH
    assert len(taken) == 200 and threading.get_ident() not in worked


def _fail_on_odd(item):
    if item % 2:
        raise UserError(f"{item} is odd")
    return item


def test_failures_are_left_out_and_listed_or_end_the_command(caplog):
    with batches.threads() as pool:
        skipping = batches.Failures(skip=True)
        assert list(skipping.keep_good(batches.in_threads(pool, _fail_on_odd, range(6)))) == [0, 2, 4]
        skipping.report(6)
        assert [r.getMessage() for r in caplog.records] == [
            "3 of 6 photos were left out:", "skipped: 1 is odd", "skipped: 3 is odd", "skipped: 5 is odd",
        ]  # fmt: skip
        with pytest.raises(UserError, match="none of the 3 photos"):
            skipping.report(3)
        stopping = batches.Failures(skip=False)
        assert list(stopping.keep_good(batches.in_threads(pool, _fail_on_odd, [0, 2, 3, 4]))) == [0, 2]
        with pytest.raises(UserError, match="3 is odd .--skip_bad"):
            stopping.report(4)


def test_a_journal_goes_on_after_a_kill(tmp_path):
    path = tmp_path / "edits.jsonl"
    for name in ("a", "b"):
        Journal(path, {"set": "x"}, overwrite=False).append({"photo": name})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"photo": "c", "requ')
    journal = Journal(path, {"set": "x"}, overwrite=False)
    assert journal.done == {"a", "b"} and path.read_bytes() == whole
    journal.append({"photo": "c"})
    assert [record["photo"] for record in journal] == ["a", "b", "c"]
    lost = Journal(path, {"set": "x"}, overwrite=False, is_there=lambda record: record["photo"] != "b")
    assert lost.done == {"a", "c"} and len(path.read_text().splitlines()) == 2


def test_a_journal_of_another_request_is_kept(tmp_path):
    path = tmp_path / "edits.jsonl"
    Journal(path, {"set": "x"}, overwrite=False).append({"photo": "a"})
    with pytest.raises(UserError, match="another request.*--overwrite"):
        Journal(path, {"set": "y"}, overwrite=False)
    assert json.loads(path.read_text())["request"] == {"set": "x"}
    assert Journal(path, {"set": "y"}, overwrite=True).done == set()
    path.write_text("someone's notes\n")
    with pytest.raises(UserError, match="not a list of photos"):
        Journal(path, {"set": "y"}, overwrite=False)
    assert path.read_text() == "someone's notes\n"
