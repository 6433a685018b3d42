# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mode that the checklist chooses if the operator names none."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.mode_choice import LEAST_VALUES

from .conftest import ENCRYPTED, Outcome, Site, kill_group, until
from .served import Served
from .test_prepared_rotation import is_left, rows_prepared, steps
from .test_resume import wait_until_gone

SLOW = '{"key_rotation_throttle": {"ratio": 300}}'
MANY = f"""
from core.encryption import EncryptionManager
from customer.models import UserProfile
from django.contrib.auth.models import User
people = User.objects.bulk_create(User(username=f"many{{n}}", password="!") for n in range({LEAST_VALUES // 2}))
seal = EncryptionManager.encrypt
UserProfile.objects.bulk_create(
    UserProfile(user=user, _full_name_encrypted=seal(user.username), _phone_number_encrypted=seal("555"))
    for user in people
)
"""


@pytest.fixture
def many(site: Site, served: Served) -> Site:
    """An application with services, and with more values than the mode window is for."""
    filled = site.manage("shell", "--verbosity=0", "--command", MANY)
    assert filled.code == 0, filled.text
    return site


def joined(outcome: Outcome) -> str:
    return " ".join(outcome.text.split())


def modes(site: Site) -> list[tuple[object, object]]:
    """The mode and its reason of each checklist in the newest record."""
    return [(step["mode"], step["mode_reason"]) for step in steps(site, "rotation_checklist") if "mode" in step]


def test_many_values_are_prepared_and_a_killed_run_is_resumed_in_its_mode_and_rolled_back(
    many: Site, served: Served
) -> None:
    planned = many.play("plan")
    assert "ok mode prepared: every table is prepared while the application serves" in joined(planned), planned.text
    process = many.start("rotate", "-e", SLOW)
    until(lambda: rows_prepared(many) > 0, process)
    kill_group(process)
    wait_until_gone(many)
    few = "SELECT id FROM customer_userprofile ORDER BY id LIMIT 200"
    many.sql(f"DELETE FROM customer_userprofile WHERE id NOT IN ({few})")  # a new rotation would not be prepared
    plain, answered = many.read_all(), served.reads()

    done = many.play("rotate", "-e", "key_rotation_backup_max_age=0")

    assert done.code == 0, done.text
    assert modes(many) == [("prepared", "")] * 2
    assert "mode prepared prepared" in joined(done), "the box has it before what was prepared"
    work = steps(many, "django_reencrypt")[0]["work"]
    assert work["by_sets"] > 0
    assert not is_left(many)
    assert many.read_all() == plain

    back = many.play("rollback")

    assert back.code == 0, back.text
    assert many.read_all() == plain
    assert (served.up(), served.reads()) == (["web", "worker"], answered)


def test_what_cannot_be_prepared_is_re_encrypted_in_the_stop_and_the_reason_is_shown(many: Site) -> None:
    for table in ENCRYPTED:
        many.sql(
            f"CREATE TRIGGER same BEFORE UPDATE ON {table} FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        )
    plain = many.read_all()

    done = many.play("rotate")

    assert done.code == 0, done.text
    reason = (
        "no table can be prepared (customer_userprofile, restaurant_pendingrestaurant, restaurant_restaurant: "
        "updates of it start the triggers same)"
    )
    assert modes(many) == [("window", reason)]
    assert f"ok mode window: every value is re-encrypted while the application is stopped, because {reason}" in joined(
        done
    )
    assert f"mode window, because {reason} downtime" in joined(done), "the box"
    assert steps(many, "django_prepare") == []
    assert many.read_all() == plain
