# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import concurrent_writers
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.concurrent_writers import (
    ConcurrentWrites,
)

KNOWN = {"since": {"default": "100"}, "ours": {"default": [[101, 103], [200, 200]]}, "rows": {"profile": ["7"]}}


def test_what_a_step_knows_comes_out_as_it_went_in():
    assert json.loads(json.dumps(ConcurrentWrites.of([KNOWN]).as_result())) == KNOWN


def test_what_several_hosts_know_is_put_together():
    other = {"since": {"default": "100"}, "ours": {"default": [[104, 105]]}, "rows": {"profile": ["8"], "note": ["1"]}}
    assert ConcurrentWrites.of([KNOWN, other]).as_result() == {
        "since": {"default": "100"},
        "ours": {"default": [[101, 105], [200, 200]]},
        "rows": {"profile": ["7", "8"], "note": ["1"]},
    }


@pytest.mark.parametrize(
    ("alias", "transaction", "anothers"),
    [("default", "102", False), ("default", "104", True), ("default", None, False), ("archive", "102", True)],
)
def test_a_row_is_another_s_if_none_of_our_transactions_has_written_it(alias, transaction, anothers):
    assert ConcurrentWrites.of([KNOWN]).wrote(alias, transaction) is anothers


def test_what_is_learnt_is_added():
    known = ConcurrentWrites.of([KNOWN])
    known.add("default", "profile", ["104"], ["9"])
    assert known.as_result()["ours"] == {"default": [[101, 104], [200, 200]]}
    assert known.as_result()["rows"] == {"profile": ["7", "9"]}


def test_of_very_many_rows_only_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(concurrent_writers, "MOST", 3)
    known = ConcurrentWrites()
    known.add("default", "profile", [], map(str, range(10)))
    assert len(known.rows["profile"]) == 3
