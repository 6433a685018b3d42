# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task shows besides its result, under Ansible's own output and under that of the callback steps."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest
from ansible import constants as C
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen import lines


@pytest.fixture(autouse=True)
def first_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    lines._census[:] = bytes(len(lines._census))
    monkeypatch.setattr(lines, "by_steps", False)
    monkeypatch.setattr(C, "DISPLAY_SKIPPED_HOSTS", True)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    return lambda: capsys.readouterr().out.splitlines()


def target(column: str, rows: int = 5, **classes: int) -> dict[str, Any]:
    return {"table": "t", "column": column, "rows": rows, "classes": classes, "left_alone": 0}


def test_lines_have_a_title_only_if_ansible_prints_the_heading_below_them(monkeypatch, shown):
    lines.show(["  1"], "Records")
    assert shown() == ["  1"]
    monkeypatch.setattr(C, "DISPLAY_SKIPPED_HOSTS", False)
    lines.show(["  1"], "Records")
    assert shown() == ["", "Records:", "  1"]
    lines.show(iter(()), "Records")
    assert shown() == []
    monkeypatch.setattr(lines, "by_steps", True)
    lines.show(["  1"], "Records")
    assert shown() == ["  1"]


def test_details_are_for_ansible_s_own_output(monkeypatch, shown):
    lines.detail(["  1"], "Backup")
    assert shown() == ["  1"]
    monkeypatch.setattr(lines, "by_steps", True)
    lines.detail(["  1"], "Backup")
    assert shown() == []


def test_the_same_census_is_a_table_once_in_a_run_whichever_process_shows_it(shown):
    found = [target("a", current=4, empty=1), target("b", current=5)]
    process = multiprocessing.get_context("fork").Process(target=lines.census, args=(found,))
    process.start()
    process.join()
    shown()
    lines.census(found)
    assert shown() == ["  9 values in 2 columns: 9 current: the same as in the table above"]
    lines.census([target("a", current=4, empty=1), target("b", current=4, previous=1)])
    assert shown() == ["  t.a          5 rows: 4 current, 1 empty", "  t.b          5 rows: 4 current, 1 previous"]


def test_under_the_callback_a_census_lists_the_columns_that_need_a_look(monkeypatch, shown):
    monkeypatch.setattr(lines, "by_steps", True)
    lines.census([target("a", current=4, empty=1), target("b", current=4, previous=1)])
    assert shown() == ["  t.b          5 rows: 4 current, 1 previous"]


def test_a_census_is_counted_in_a_line():
    found = [{**target("a", current=1000, empty=1), "left_alone": 3}]
    assert lines.format_census(found) == "1,003 values in 1 column: 1,000 current, 3 left alone"
    assert lines.format_census([]) == "0 values in 0 columns: none"
