# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.action.django_reencrypt import ActionModule


@pytest.fixture
def asked(monkeypatch):
    """What hosts are asked, in place of a host with an application and a database."""
    seen = []

    def on_host(self, module, args):
        seen.append(args)
        return {"changed": True, "targets": [{"reencrypted": 1200}, {"reencrypted": 34}]}

    monkeypatch.setattr(ActionModule, "on_host", on_host)
    return seen


@pytest.fixture
def reencrypt(run_action):
    def run(destination: str, **args):
        return run_action("django_reencrypt", destination=destination, rotation_id="r1", **args)

    return run


def test_the_host_gets_every_version_and_never_the_store(reencrypt, asked, stored, old_keys, new_keys):
    reencrypt("pending", project_dir="/srv/app")
    (args,) = asked
    assert args["key_sets"] == {"current": old_keys.values, "pending": new_keys.values}
    assert (args["destination"], args["project_dir"]) == ("pending", "/srv/app")
    assert stored not in str(args)


@pytest.mark.parametrize("destination", ["previous", "latest"])
def test_a_stage_that_nobody_has_is_refused_before_the_host_is_asked(reencrypt, asked, stored, destination):
    assert reencrypt(destination)["error"]["code"] == "E_STORE_STAGE"
    assert asked == []


def test_a_dry_run_before_there_is_a_version_asks_the_host_and_says_how_many(reencrypt, asked, capsys):
    assert reencrypt("pending", check=True)["changed"] is True
    assert asked[0]["key_sets"] == {}
    assert "would re-encrypt 1,234 values" in capsys.readouterr().out


@pytest.mark.parametrize(
    "lost", [{"unreachable": True, "msg": "no route"}, {"error": {"code": "E_MODULE_DIED"}, "msg": "rc -9"}]
)
def test_after_a_host_was_lost_everything_is_checked_again(reencrypt, asked, stored, lost, capsys):
    done = {"work": {"seconds": 1}, "targets": [], "concurrent_writes": {"rows": {"t": ["1"]}}}
    known = {"examined": [{"table": "t"}], "concurrent_writes": [{"rows": {}}]}
    reencrypt("pending", **known, shares={"one": done, "two": lost})
    assert not {"examined", "concurrent_writes"} & set(asked[0])
    assert "two was lost" in capsys.readouterr().out
    reencrypt("pending", **known, shares={"one": done, "two": done})
    assert asked[1]["examined"] == [{"table": "t"}]
    assert asked[1]["concurrent_writes"] == [{"rows": {}}, done["concurrent_writes"], done["concurrent_writes"]]


DONE = {"work": {}, "targets": []}


def test_what_ansible_says_of_one_host_is_said_too(reencrypt, asked):
    found = reencrypt("pending", shares={"one": DONE, "two": {"failed": False, "msg": "Missing sudo password"}})
    assert (found["failed"], found["msg"]) == (True, "two: Missing sudo password")
    assert asked == []


def test_what_one_host_refuses_is_the_error_of_the_step(reencrypt, asked):
    error = {"code": "E_STOPPED", "what": "", "changed": "", "todo": ""}
    found = reencrypt("pending", shares={"one": DONE, "two": {"error": error, "msg": "E_STOPPED: ..."}})
    assert (found["failed"], found["error"], found["msg"]) == (True, error, "two: E_STOPPED: ...")
    assert asked == []
