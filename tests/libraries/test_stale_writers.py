# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process writes under other keys all through a rotation, which ends in any way: no value is lost unnamed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.application import application
from harness.conditions import FENCED, PREPARED, SERVES, STOPPED, Conditions
from harness.ends import ENDS, kill, re_encrypting, switched
from harness.project.libraries import LIBRARIES, OWN
from harness.project.writers import ERROR_TEXT
from harness.verdict import judge, rows_of_table


@dataclass(frozen=True)
class Case:
    """Libraries in one application, with a table for each kind of writer, and one end under some conditions."""

    libraries: tuple[str, ...]
    end: str
    conditions: Conditions = FENCED

    def __str__(self) -> str:
        several = "functions" if self.libraries == FUNCTIONS else "together"
        return f"{self.libraries[0] if len(self.libraries) == 1 else several}-{self.how}"

    @property
    def how(self) -> str:
        return self.end if self.conditions == FENCED else f"{self.end}-{self.conditions.name}"


TOGETHER = tuple(
    each.name for each in LIBRARIES if each.name != "searchable_fields"
)  # its module's name is another one's
FUNCTIONS = tuple(each.name for each in OWN)
APPLICATIONS = (TOGETHER, FUNCTIONS, *((each.name,) for each in LIBRARIES))
# Nobody can name what a process writes after the last look: without a fence it has to stop before that.
ENDS_UNFENCED = [end for end in ENDS if end != "undisturbed"]
WITHOUT_FENCE = (TOGETHER, FUNCTIONS, ("searchable_fields",))
SHORT = (
    Case(TOGETHER, "undisturbed"),
    Case(TOGETHER, "undisturbed_writer_stops"),
    Case(TOGETHER, "ctrl_c_after_the_switch"),
    Case(("encrypted_model_fields",), "undisturbed_writer_stops", STOPPED),
    Case(("hex_text",), "ctrl_c_after_the_switch", SERVES),
)
CASES = [
    *(Case(libraries, end) for libraries in APPLICATIONS for end in ENDS),
    *(Case(libraries, end, how) for libraries in WITHOUT_FENCE for end in ENDS_UNFENCED for how in (SERVES, STOPPED)),
    *(Case(TOGETHER, end, PREPARED) for end in ENDS),
]
CASES += [case for case in SHORT if case not in CASES]


def parameter(case: Case) -> Any:
    return pytest.param(case, marks=[] if case in SHORT else pytest.mark.thorough, id=str(case))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_every_value_is_read_or_the_run_fails_and_names_it(
    case: Case, host: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with application(tmp_path, host, case.libraries, case.conditions) as app:
        app.write_inventory()
        assert app.unreadable() == []
        run = ENDS[case.end](app)
        # A kill in it leaves no result, and the next run may stop at what the writer did in the meantime.
        assert case.end == "killed_before_the_switch" or '"django_reencrypt"' in app.results(), run.text[-6000:]
        tables = sorted({table for table, _ in app.encrypted()})
        verdicts = judge(tables, run, app.results(), app.unreadable(), app.written())
    for row in rows_of_table(case.how, case.libraries, run, verdicts):
        record_property("outcome", row)
    wrong = [each.shown() for each in verdicts if not each.right]
    assert not wrong, "\n".join([*wrong, run.text[-6000:]])


SAVE = "from safe import models; row = models.{model}.objects.get(pk=8); row.other = {value!r}; row.save()"


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("fixed_text", ERROR_TEXT, "E_VALUES_DAMAGED"),
        ("none", None, "E_VALUES_EMPTIED"),
        ("none", "a user's text", "Rows that changed since"),
    ],
)
def test_a_value_that_was_lost_before_a_rollback_ends_it_with_an_error_and_one_that_was_written_does_not(
    kind: str, value: str | None, code: str, host: str, tmp_path: Path
) -> None:
    """A single value is enough, if nothing else shows what another process did. An attribute that is made of a value,
    and reads nothing of a good one, says nothing of it."""
    with application(tmp_path, host, ("food_ordering",), SERVES) as app:
        app.write_inventory()
        kill(app, switched(app))
        model = f"food_ordering_{kind}".title().replace("_", "")
        app.python("manage.py", "shell", "--command", SAVE.format(model=model, value=value))
        run = app.play("rollback")
        assert (run.code != 0, code in run.text) == (code.startswith("E_"), True), run.text[-6000:]
        assert f"food_ordering_{kind}._other_encrypted:8" in run.text.split(code)[1], run.text[-6000:]


@pytest.mark.thorough
@pytest.mark.timeout(1200)
def test_a_killed_run_that_may_not_resume_says_how_the_values_stand_and_the_rollback_names_what_was_encrypted_twice(
    host: str, tmp_path: Path
) -> None:
    save = "from safe import models; models.FernetFieldsCiphertext.objects.get(pk=8).save()"
    with application(tmp_path, host, ("fernet_fields",), STOPPED) as app:
        app.write_inventory()
        kill(app, re_encrypting(app))
        app.python("manage.py", "shell", "--command", save)
        run = app.play("rotate")
        screen = " ".join(run.text.split())
        assert (run.code != 0, "E_TWO_LAYERS" in screen) == (True, True), screen[-6000:]
        assert re.search(r"data Of \d+ values, .* under version \w+", screen), screen[-6000:]
        run = app.play("rollback")
        damaged = {each.row for each in app.unreadable()}
        assert run.code != 0
        assert damaged == {f"fernet_fields_ciphertext.{column}:8" for column in ("other", "secret")}
        assert all(row in run.text for row in damaged), run.text[-6000:]
