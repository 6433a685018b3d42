# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code of the application that would end the process as a value is read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import trial_row
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.model_readers import ModelReader


class Shown:
    """Ends the process once it is shown."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Person:
    _meta = SimpleNamespace(concrete_fields=(), label="people.Person", pk=SimpleNamespace(attname="id"))
    tetech_row_key_id = "1"
    shown = Shown()

    @property
    def ending(self) -> str:
        raise SystemExit(3)

    @property
    def interrupted(self) -> str:
        raise KeyboardInterrupt

    @property
    def name(self) -> str:
        return "a name"


@pytest.mark.parametrize(("name", "counted"), [("ending", (0, 1)), ("shown", (0, 1)), ("name", (1, 0))])
def test_it_is_one_more_value_that_the_attribute_fails_at(name: str, counted: tuple[int, int]) -> None:
    reader = ModelReader(Person, "default", name, b"key")
    reader.take(Person())
    assert (reader.read, reader.failed) == counted


@pytest.mark.parametrize("name", ["ending", "shown"])
def test_a_process_under_other_keys_answers_that_it_read_nothing(name: str) -> None:
    assert trial_row._read(Person(), name, ()) is None
    assert trial_row._read(Person(), "name", ()) is not None


def test_somebody_who_interrupts_us_still_does() -> None:
    with pytest.raises(KeyboardInterrupt):
        ModelReader(Person, "default", "interrupted", b"key").value(Person())
    with pytest.raises(KeyboardInterrupt):
        trial_row._read(Person(), "interrupted", ())
