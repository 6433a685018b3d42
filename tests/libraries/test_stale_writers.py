# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process writes under other keys all through a rotation, which ends in any way: no value is lost unnamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.application import application
from harness.ends import ENDS
from harness.project.libraries import BY_NAME
from harness.verdict import judge, rows_of_table


@dataclass(frozen=True)
class Case:
    """Libraries in one application, with a table for each kind of writer, and one end."""

    libraries: tuple[str, ...]
    end: str

    def __str__(self) -> str:
        return f"{self.libraries[0] if len(self.libraries) == 1 else 'together'}-{self.end}"


TOGETHER = tuple(name for name in BY_NAME if name != "searchable_fields")  # its module has the name of another one's
SHORT = ("undisturbed", "undisturbed_writer_stops", "ctrl_c_after_the_switch")
CASES = [*(Case(TOGETHER, end) for end in ENDS), *(Case((library,), end) for library in BY_NAME for end in ENDS)]


def parameter(case: Case) -> Any:
    short = case.libraries == TOGETHER and case.end in SHORT
    return pytest.param(case, marks=[] if short else [pytest.mark.thorough], id=str(case))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_every_value_is_read_or_the_run_fails_and_names_it(
    case: Case, host: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with application(tmp_path, host, case.libraries) as app:
        app.write_inventory()
        assert app.unreadable() == []
        run = ENDS[case.end](app)
        assert '"django_reencrypt"' in app.results(), run.text[-6000:]
        tables = sorted({table for table, _ in app.encrypted()})
        verdicts = judge(tables, run, app.results(), app.unreadable())
    for row in rows_of_table(case.end, case.libraries, run, verdicts):
        record_property("outcome", row)
    wrong = [each.shown() for each in verdicts if not each.right]
    assert not wrong, "\n".join([*wrong, run.text[-6000:]])
