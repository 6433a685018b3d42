# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without services, a run says that a person must stop and start the application, and asks no host."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.action.application_services import ActionModule

TODO = {
    "stopped": "No service is stopped, because key_rotation_services is empty. If the application runs, stop it",
    "started": "No service is started, because key_rotation_services is empty. If the application is stopped, start it",
}
WEB = {"name": "web"}


@pytest.fixture
def asked(monkeypatch):
    """What the host was asked. It stops and starts all services."""
    found = []

    def on_host(self, module, args):
        found.append(args)
        return {"changed": True, "services": [service["name"] for service in args["services"]], "states": {}}

    monkeypatch.setattr(ActionModule, "on_host", on_host)
    return found


@pytest.fixture
def run(run_action, tmp_path):
    def run(state, services, **options):
        options = {"rotation_id": "r1", "record_dir": str(tmp_path / "records"), "memory": "/m.json", **options}
        return run_action("application_services", state=state, services=services, **options)

    return run


@pytest.mark.parametrize("state", TODO)
def test_without_a_service_a_person_must_act(run, asked, capsys, tmp_path, state):
    result = run(state, [])
    assert result["msg"].startswith(TODO[state])
    assert result["msg"] in " ".join(capsys.readouterr().out.split())
    assert (result["changed"], result["services"]) == (False, [])
    assert asked == []
    assert not (tmp_path / "records").exists(), "nothing was done that a record could have"


@pytest.mark.parametrize("state", TODO)
@pytest.mark.parametrize(("services", "check"), [([], True), ([WEB], False)])
def test_a_dry_run_and_one_with_services_do_not_say_so(run, asked, capsys, state, services, check):
    assert not str(run(state, services, check=check).get("msg")).startswith("No service")
    assert "No service" not in capsys.readouterr().out
    assert len(asked) == len(services)


@pytest.mark.parametrize("state", TODO)
def test_a_dry_run_without_services_gives_the_reason(run, state):
    assert run(state, [], check=True)["msg"] == f"{state}: nothing, because key_rotation_services is empty"


@pytest.mark.parametrize("state", TODO)
def test_a_flag_file_alone_is_the_work_of_the_host(run, asked, state):
    assert run(state, [], flag_file="/srv/maintenance")["msg"].startswith(TODO[state])
    assert [args["flag_file"] for args in asked] == ["/srv/maintenance"]


def test_the_end_of_a_manual_stop_is_the_work_of_the_host(run, asked):
    run("started", [], rotation_id="maintenance")
    assert [args["state"] for args in asked] == ["started"]
