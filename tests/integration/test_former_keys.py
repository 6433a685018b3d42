# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that was rotated, and that an operator takes out of key_rotation_keys."""

from __future__ import annotations

import pytest

from .conftest import Site


def test_a_key_taken_out_of_the_list_is_one_error_and_the_way_back_goes_by_the_store(site: Site) -> None:
    plain, before = site.read_all(), site.env_values()
    assert site.play("rotate").code == 0
    rotation_id = site.stored()["versions"][-1]["rotation_id"]
    rotated = site.env_values()
    site.write_inventory(key_rotation_keys=[{"name": "SECRET_KEY"}])

    for playbook, options in (("plan", ()), ("rotate", ("--check",)), ("rotate", ())):
        refused = site.play(playbook, *options)
        assert refused.code != 0, playbook
        assert refused.error() == "E_KEY_UNLISTED", refused.text
        text = " ".join(refused.text.split())
        assert f"lists ENCRYPTION_SALT, which was rotated in rotation {rotation_id}" in text
        assert "key_rotation_former_keys: [ENCRYPTION_SALT]" in text
        assert "was rolled back" not in text
    assert site.env_values() == rotated

    assert site.play("verify").code == 0
    assert site.play("rollback", "--check", "-e", f"key_rotation_id={rotation_id}").code == 0
    assert site.env_values() == rotated
    # The refused attempts are closed by then, so that the rotation before them is named.
    back = site.play("rollback", "-e", f"key_rotation_id={rotation_id}")
    assert back.code == 0, back.text
    assert site.env_values() == before
    assert site.read_all() == plain
    assert site.play("verify").code == 0
    assert site.play("plan").error() == "E_KEY_UNLISTED"


@pytest.mark.parametrize("kept", [pytest.param("SECRET_KEY", marks=pytest.mark.thorough), "ENCRYPTION_SALT"])
@pytest.mark.thorough
def test_a_key_that_is_let_go_keeps_its_value_and_the_others_are_rotated_on(site: Site, kept: str) -> None:
    plain = site.read_all()
    assert site.play("rotate").code == 0
    before = site.env_values()
    (former,) = {"SECRET_KEY", "ENCRYPTION_SALT"} - {kept}
    site.write_inventory(key_rotation_keys=[{"name": kept}], key_rotation_former_keys=[former])

    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check")
    assert dry.code == 0, dry.text
    assert site.env_values() == before
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text

    after = site.env_values()
    assert (after[former], after[kept] == before[kept]) == (before[former], False)
    assert site.read_all() == plain
    site.write_inventory(key_rotation_keys=[{"name": kept}])
    assert site.play("verify").code == 0
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert site.env_values() == before
    assert site.read_all() == plain
    assert site.play("verify").code == 0
