# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for keys in every place: they are planned, rotated, verified, rolled back, and resumed after a kill."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Site, thorough
from .destinations import Place, Values, move_keys  # noqa: F401  # a fixture
from .test_resume import kill_when, wait_until_gone
from .test_rotate import sampled_processes


def any_value(rows: Values) -> bool:
    return any(value for table in rows.values() for row in table for value in row[1:])


@pytest.mark.parametrize("kind", ["platform", *map(thorough, ("toml", "ini", "json", "python", "unit", "shell"))])
def test_they_are_planned_rotated_verified_and_rolled_back(
    move_keys: Callable[[str], Place], site: Site, kind: str
) -> None:
    place = move_keys(kind)
    keys, old = place.first, place.held()
    plain = place.read_all(keys)
    assert any_value(plain)
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check", "--diff")
    assert dry.code == 0, dry.text
    assert place.held() == old

    with sampled_processes(keys) as seen:
        rotated = site.play("rotate", "--diff")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    fresh = site.stored()["versions"][-1]["values"]
    assert place.holds(fresh), "every other byte is as it was"
    assert {path: mode for path, (mode, _) in place.held().items()} == {path: mode for path, (mode, _) in old.items()}
    assert place.read_all(fresh) == plain
    assert not any_value(place.read_all(keys))

    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert place.held() == old
    assert place.read_all(keys) == plain
    for value in (*keys.values(), *fresh.values()):
        assert value not in planned.text + dry.text + rotated.text + verified.text + back.text


@pytest.mark.parametrize(
    ("then", "kind"),
    [
        thorough("rotate", "toml"),
        thorough("rollback", "python"),
        thorough("rotate", "unit"),
        ("rollback", "platform"),
        thorough("rotate", "python"),
        thorough("rollback", "toml"),
        thorough("rollback", "unit"),
        thorough("rotate", "platform"),
    ],
)
def test_killed_after_the_switch_it_is_finished_or_rolled_back(
    move_keys: Callable[[str], Place], site: Site, then: str, kind: str
) -> None:
    place = move_keys(kind)
    plain, old = place.read_all(place.first), place.held()
    process = site.start("rotate")
    assert kill_when(site, process, "Switch | Make the new version current", lambda _: lambda _: True)
    wait_until_gone(site)
    assert all(place.held()[path] != old[path] for path in place.texts)

    again = site.play(then)

    assert again.code == 0, again.text
    versions = site.stored()["versions"]
    assert len(versions) == 2
    now = versions[-1]["values"] if then == "rotate" else place.first
    assert place.holds(now)
    assert place.read_all(now) == plain
    assert site.play("verify").code == 0
