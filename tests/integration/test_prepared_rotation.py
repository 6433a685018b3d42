# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_rotation_mode: prepared, by the playbooks: before the window, in it, killed anywhere, rolled back."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file

from .conftest import Site, kill_group, until
from .served import Served
from .test_resume import kill_when, wait_until_gone, written
from .test_rollback import NEW_PROFILE

TABLE = "tetech_key_rotation_prepared"
PREPARED = ("-e", "key_rotation_mode=prepared")


def is_left(site: Site) -> bool:
    return site.sql(f"SELECT to_regclass('{TABLE}') IS NOT NULL") == [(True,)]


def rows_prepared(site: Site) -> int:
    return site.sql(f"SELECT count(*) FROM {TABLE}")[0][0] if is_left(site) else 0


def steps(site: Site, event: str) -> list[dict[str, object]]:
    """What the record of the newest rotation has of a step that is done."""
    newest = max((site.folder / "records").glob("*/record.jsonl"), key=lambda path: path.stat().st_mtime)
    lines = (json.loads(line) for line in newest.read_text().splitlines())
    return [line for line in lines if line["event"] == event and line["phase"] == "done"]


def test_what_is_prepared_while_the_application_serves_is_all_that_the_window_has_to_write(site: Site) -> None:
    plain = site.read_all()

    dry = site.play("rotate", *PREPARED, "--check")
    assert "would prepare the re-encryption while the application serves" in dry.text, dry.text
    assert not is_left(site)
    done = site.play("rotate", *PREPARED)

    assert done.code == 0, done.text
    assert site.read_all() == plain
    assert not is_left(site)
    work = steps(site, "django_reencrypt")[0]
    values = sum(target["reencrypted"] for target in work["targets"])
    assert work["work"]["by_sets"] == values > 300
    assert "  prepared   135 rows in " in done.text
    assert f"{values} values were changed by it" in " ".join(done.text.split())
    assert site.play("verify").code == 0


def preparing(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Some rows are prepared, and not all."""
    slow = '{"key_rotation_mode": "prepared", "key_rotation_throttle": {"ratio": 300}}'
    process = site.start("rotate", "-e", slow)
    until(lambda: 0 < rows_prepared(site) < 135, process)
    yield process


def applying(site: Site) -> Iterator[subprocess.Popen[str]]:
    """The profiles are changed by what was prepared, and others have locked the restaurants."""
    before = site.tokens()["customer_userprofile"]
    with site.connection() as blocker, blocker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM restaurant_restaurant FOR UPDATE")
        process = site.start("rotate", *PREPARED)
        until(lambda: site.tokens()["customer_userprofile"] != before, process)
        yield process
        blocker.rollback()


@pytest.mark.thorough
@pytest.mark.parametrize("then", ["rotate", "rollback"])
@pytest.mark.parametrize("moment", [preparing, applying])
def test_killed_it_is_resumed_or_rolled_back_and_nothing_prepared_is_left(
    site: Site, moment: Callable[[Site], Iterator[subprocess.Popen[str]]], then: str
) -> None:
    plain, tokens = site.read_all(), site.tokens()
    with contextmanager(moment)(site) as process:
        if moment is preparing:
            assert "E_PREPARING" in site.play("verify").text, "it is in progress"
        kill_group(process)
    wait_until_gone(site)
    assert is_left(site)
    looked = site.play("verify")
    assert looked.code != 0
    assert "E_PREPARED_LEFT" in looked.text or "E_FENCED" in looked.text, looked.text
    if moment is preparing:
        assert site.tokens() == tokens, "the data is not changed before the window"
        assert site.read_all() == plain

    after = site.play(then, *PREPARED, "-e", "key_rotation_backup_max_age=0")

    assert after.code == 0, after.text
    assert site.read_all() == plain
    assert not is_left(site)
    assert len(site.stored()["versions"]) == 2, "the old and one new"
    assert site.play("verify").code == 0


@pytest.mark.thorough
def test_a_failure_before_the_window_leaves_nothing_prepared(site: Site) -> None:
    plain = site.read_all()
    site.sql(f"CREATE VIEW {TABLE} AS SELECT 1 AS number")  # what is in the way of the table

    done = site.play("rotate", *PREPARED)

    assert done.code != 0
    assert "Prepare | Encrypt every value with the new keys next to the data" in " ".join(done.text.split())
    assert "No value and no key of the application was written." in " ".join(done.text.split())
    assert site.sql("SELECT to_regclass('tetech_key_rotation_lease')") == [(None,)]
    site.sql(f"DROP VIEW {TABLE}")
    again = site.play("rotate", *PREPARED)
    assert again.code == 0, again.text
    assert site.read_all() == plain
    assert not is_left(site)


# Between two steps of the window, and between the start and the proof that comes after it.
TASKS = {
    "before the stop": "Stop | Stop the services that use the keys",
    "before the first write": "Re-encrypt | Read values through the application",
    "between apply and switch": "Re-encrypt | Re-encrypt every value",
    "between the proof and the start": "Start | Start the stopped services",
    "after the start": "Serving | Decrypt every prepared value",
}


def killed(site: Site, moment: str) -> bool:
    """Whether a rotation was killed in its moment."""
    process = site.start("rotate", *PREPARED)
    if moment != "between apply and switch":
        return kill_when(site, process, TASKS[moment], lambda _: lambda _: True)
    env = site.env_file.read_bytes()
    with ExitStack() as stack:

        def applied(site: Site) -> Callable[[Site], bool]:
            stack.enter_context(atomic_file.folder_lock(str(site.env_file.parent)))  # the switch waits for it
            return written(site)

        return kill_when(site, process, TASKS[moment], applied) and site.env_file.read_bytes() == env


@pytest.mark.thorough
@pytest.mark.parametrize("then", ["rotate", "rollback"])
@pytest.mark.parametrize("moment", TASKS)
def test_killed_between_two_steps_it_is_resumed_or_rolled_back_with_what_users_wrote_since(
    site: Site, served: Served, moment: str, then: str
) -> None:
    plain, tokens, answered = site.read_all(), site.tokens(), served.reads()
    assert killed(site, moment)
    wait_until_gone(site)
    assert is_left(site)
    serves = bool(served.up())
    assert serves == (moment in ("before the stop", "after the start"))
    if serves:
        assert served.reads() == answered
        assert site.manage("shell", "--verbosity=0", "--command", NEW_PROFILE).code == 0
    unwritten = moment in ("before the stop", "before the first write")
    assert unwritten == (len(changed_rows(site, tokens)) == 0), "and then it is changed"

    after = site.play(then, *PREPARED, "-e", "key_rotation_backup_max_age=0")

    assert after.code == 0, after.text
    now = site.read_all()
    assert [row for row in now["profiles"] if row in plain["profiles"]] == plain["profiles"]
    assert {**now, "profiles": []} == {**plain, "profiles": []}
    fresh = [row[1:3] for row in now["profiles"] if row not in plain["profiles"]]
    assert fresh == ([["Late Comer", "+1 555 0100"]] if serves else [])
    assert not is_left(site)
    assert sorted(served.up()) == ["web", "worker"]
    assert served.reads() == answered
    assert len(site.stored()["versions"]) == 2, "the old and one new"
    assert site.play("verify").code == 0


def changed_rows(site: Site, tokens: dict[str, list[tuple[object, ...]]]) -> list[object]:
    """The rows that are not as they were, but for new ones."""
    now = {(table, row[0]): row for table, rows in site.tokens().items() for row in rows}
    return [row for table, rows in tokens.items() for row in rows if now[table, row[0]] != row]


WRITES = """
from customer.models import UserProfile
from django.contrib.auth.models import User
first, second, third = UserProfile.objects.order_by("pk")[{place}:{place} + 3]
first.full_name = "Changed {place}"
first.save()
second.phone_number = ""
second.save()
third.delete()
profile = UserProfile(user=User.objects.create(username="user{place}", password="!"))
profile.full_name = "Fresh {place}"
profile.save()
"""


def command(site: Site, code: str) -> list[str]:
    """A command of the application."""
    return [str(site.project / ".venv/bin/python"), "manage.py", "shell", "--verbosity=0", "--command", code]


def during(site: Site, before: str, after: str = "pass") -> tuple[str, ...]:
    """What the application does after the preparation, under the old keys, and directly after its start."""
    nothing = ["/bin/true"]
    extra = {
        "key_rotation_mode": "prepared",
        "key_rotation_test_record": {"create": command(site, before), "check": nothing, "remove": nothing},
        "key_rotation_verification_commands": [
            ["/bin/sh", "-c", 'test -e serves || exit 0; exec "$@"', "-", *command(site, after)]
        ],
    }
    return "-e", json.dumps(extra)


def test_what_users_wrote_after_the_preparation_and_after_the_start_is_kept_and_raises_no_alarm(
    site: Site, served: Served
) -> None:
    plain = site.read_all()
    writes, later = WRITES.format(place=10), WRITES.format(place=20)

    done = site.play("rotate", *during(site, f"open('serves', 'w').close()\n{writes}", later))

    assert done.code == 0, done.text
    now = {row[0]: row[1:] for row in site.read_all()["profiles"]}
    before = {row[0]: row[1:] for row in plain["profiles"]}
    assert sum(row[0].startswith("Changed") for row in now.values()) == 2
    assert sum(row[0].startswith("Fresh") for row in now.values()) == 2
    assert len(before.keys() - now.keys()) == 2
    untouched = [pk for pk in before if now.get(pk) == before[pk]]
    assert len(untouched) == len(before) - 6
    assert "by another process" not in done.text, "users wrote it"
    said = " ".join(done.text.split())
    assert "verified before the start each row was compared with what was prepared" in said
    reencrypted, settled = steps(site, "django_reencrypt")
    assert reencrypted["work"]["passes"] == settled["work"]["passes"] == 0
    stopped, serving = steps(site, "django_census_info")[-2:]
    assert serving["asked"]["serving"] is True
    assert serving["served"]["customer_userprofile"] == {"changed": 2, "inserted": 1, "deleted": 1}
    assert stopped["concurrent_rows"] == {}
    assert served.up() == ["web", "worker"]
    assert site.play("verify").code == 0


MADE = """
    @property
    def words(self) -> str:
        return ", ".join(set(f"{self.address} {self.full_name} of the city".lower().split()))

    @property
    def card(self) -> str:
        return f"{self.full_name} (1 of {type(self.user).objects.count()})"

"""


@pytest.mark.thorough
def test_what_code_makes_of_columns_in_another_order_or_of_other_rows_rolls_nothing_back(
    site: Site, served: Served
) -> None:
    """Each process has another order of a set, and users come until the stop."""
    models = site.project / "customer/models.py"
    models.write_text(models.read_text().replace('or ""\n', f'or ""\n{MADE}', 1))
    plain = site.read_all()
    user = "from django.contrib.auth.models import User; User.objects.create(username='late', password='!')"

    done = site.play("rotate", *during(site, user))

    assert done.code == 0, done.text
    assert site.read_all() == plain
    readings = [step["reading"] for step in steps(site, "application_reading")]
    first, last = ({one["name"]: one for one in reading["readings"]} for reading in (readings[0], readings[-1]))
    words, card = (f"customer.UserProfile.{name}" for name in ("words", "card"))
    assert first[words]["digest"] == last[words]["digest"]
    assert first[card]["digest"] != last[card]["digest"], "it was read before that user came"
    assert not [name for reading in readings for name in reading.get("unsteady", ())]


GARBAGE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("UPDATE customer_userprofile SET _full_name_encrypted = overlay(_full_name_encrypted placing"
                   " 'xxxxxxxx' from 40) WHERE id = (SELECT max(id) FROM customer_userprofile)")
"""


def test_a_value_that_appears_after_the_preparation_and_that_nothing_opens_stops_it_before_the_first_write(
    site: Site, served: Served
) -> None:
    env = site.env_file.read_bytes()

    done = site.play("rotate", *during(site, GARBAGE))

    assert done.code != 0
    assert "E_UNREADABLE" in done.text, done.text
    assert [step["work"] for step in steps(site, "django_reencrypt")[:-1]] == []
    assert site.env_file.read_bytes() == env
    assert served.up() == ["web", "worker"]
    assert not is_left(site)


STALE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("UPDATE customer_userprofile SET _full_name_encrypted = {token} WHERE id = {pk}")
"""


def test_what_fails_after_the_start_is_rolled_back_by_itself(site: Site, served: Served) -> None:
    """A process that nobody stopped writes under the old keys again."""
    plain, answered, env = site.read_all(), served.reads(), site.env_file.read_bytes()
    row = site.tokens()["customer_userprofile"][30]
    stale = STALE.format(token=repr(row[2]), pk=row[0])
    values = sum(bool(value) for rows in site.tokens().values() for each in rows for value in each[1:])

    done = site.play("rotate", *during(site, "open('serves', 'w').close()", stale))

    assert done.code != 0
    said = " ".join(done.text.split())
    assert 'The rotation stopped at "Serving | Decrypt every prepared value' in said, done.text
    assert "and was rolled back" in said
    assert site.read_all() == plain
    assert site.env_file.read_bytes() == env
    back = steps(site, "django_reencrypt")[2]["work"]
    assert back["by_sets"] == values - sum(map(bool, row[1:])), "all but the row that was written again"
    assert (served.up(), served.reads()) == (["web", "worker"], answered)
    assert not is_left(site)
    assert site.play("verify").code == 0


EDITS = """
from customer.models import UserProfile
first, second = UserProfile.objects.order_by("pk")[40:42]
first.full_name = "Edited by a user"
first.save()
second.phone_number = ""
second.save()
"""


def edited_until_the_stop(site: Site, served: Served) -> dict[str, list[list[object]]]:
    """Have users edit two values after the preparation, until the first service is stopped; what is read after that."""
    entries = served.entries()
    edit = f"cd {site.project} && {{ test -e edited || {shlex.join(command(site, EDITS))}; }} && touch edited"
    for entry in entries:
        entry["stop"] = ["/bin/sh", "-c", f"{edit} && {shlex.join(entry['stop'])}"]
    site.write_inventory(
        key_rotation_services=entries, key_rotation_services_settle=1, key_rotation_health_url=served.profile
    )
    expected = site.read_all()
    assert expected["profiles"][41][2] != ""
    expected["profiles"][40][1], expected["profiles"][41][2] = "Edited by a user", ""
    return expected


@pytest.mark.thorough
@pytest.mark.parametrize("then", ["rotate", "rollback"])
@pytest.mark.parametrize(
    "moment", ["before the first write", "between apply and switch", "between the proof and the start"]
)
def test_killed_in_the_window_it_takes_nothing_that_users_edited_before_for_another_process_s(
    site: Site, served: Served, moment: str, then: str
) -> None:
    expected, tokens = edited_until_the_stop(site, served), site.tokens()
    assert killed(site, moment)
    wait_until_gone(site)
    assert (site.project / "edited").exists()
    assert served.up() == []
    assert (moment == "before the first write") == (len(changed_rows(site, tokens)) == 2), "the two edits alone"

    after = site.play(then, *PREPARED, "-e", "key_rotation_backup_max_age=0")

    assert after.code == 0, after.text
    assert "another process" not in after.text, after.text
    assert site.read_all() == expected
    assert sorted(served.up()) == ["web", "worker"]
    assert not is_left(site)
    assert site.play("verify").code == 0
