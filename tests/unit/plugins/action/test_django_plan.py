# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan_document
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._action import RotationAction
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._plans.plan_file import HEAD


def document(**changed: Any) -> dict[str, Any]:
    """A plan as the host makes it."""
    made = {
        "format": plan_document.FORMAT,
        "targets": [
            {
                "column": "profile.name",
                "model": "customer.Profile",
                "type": "text",
                "scheme": "encryption_manager",
                "settings": ["ENCRYPTION_SALT", "SECRET_KEY"],
                "reads_several_keys": False,
                "key": ["id"],
                "rows": 3,
                "classes": {"current": 3},
            }
        ],
        "under_other_keys": [],
        "empty_fields": [{"column": "profile.later", "field": "lib.EncryptedTextField"}],
        "settlements": [],
        "left_alone": [],
        "command": [],
        "schemes": {"encryption_manager": {"format": "fernet"}},
        "notices": [
            {"kind": "index", "column": "profile.name", "notice": "index", "todo": "Žádný krok: nothing to do."}
        ],
        **changed,
    }
    return {**made, "hash": plan_document.plan_hash(made)}


class Host:
    """What the host is asked and what it answers, in place of one with an application and a database."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"changed": False, "plan": document()}

    def finds(self, made: dict[str, Any]) -> None:
        self.answer = {"changed": False, "plan": made}


@pytest.fixture
def host(monkeypatch) -> Host:
    made = Host()

    def on_host(self, module, args):
        made.asked.append(args)
        return copy.deepcopy(made.answer)

    monkeypatch.setattr(RotationAction, "on_host", on_host)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plans" / "shop.yml"


@pytest.fixture
def make(run_action, host, path):
    def run(module: str = "django_plan", **args: Any) -> dict[str, Any]:
        return run_action(module, **{"path": str(path), "project_dir": "/srv/app", **args})

    return run


@pytest.fixture
def completed(stored, loader):
    """The store after its rotation was completed."""
    with open_store({"path": stored}, {}, loader).change() as history:
        history.promote()
        history.close("r1")


def test_a_plan_is_written_once_and_shown(make, path, capsys):
    done = make()
    assert (done["changed"], done["path"], done["plan"]) == (True, str(path), document())
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert yaml.safe_load(text) == document()
    assert "Žádný krok" in text
    assert f"hash {document()['hash']}" in capsys.readouterr().out

    inode = path.stat().st_ino
    assert make()["changed"] is False
    assert path.stat().st_ino == inode


def test_people_may_read_a_plan_and_its_folder_is_for_its_user(make, path):
    make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_other_counts_are_rewritten(make, host, path):
    make()
    other = document()
    other["targets"][0].update(rows=4, classes={"current": 4})
    host.finds(other)
    assert make()["changed"] is True
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["targets"][0]["rows"] == 4


def test_a_dry_run_writes_nothing_and_says_that_it_would(make, path, capsys):
    assert make(check=True)["changed"] is True
    assert not path.parent.exists()
    assert f"would write the plan {path}" in capsys.readouterr().out


def test_a_dry_run_after_a_run_has_nothing_to_say(make, path, capsys):
    make()
    capsys.readouterr()
    assert make(check=True)["changed"] is False
    assert "would" not in capsys.readouterr().out


def test_the_diff_is_the_file_before_and_after(make, path):
    shown = make(check=True, diff=True)["diff"]
    assert (shown["before"], shown["before_header"], shown["after_header"]) == ("", str(path), str(path))
    make()
    assert shown["after"] == path.read_text(encoding="utf-8")
    assert "diff" not in make()


def test_the_host_gets_every_version_and_neither_store_nor_file(make, host, stored, path, old_keys, new_keys):
    make(ignore=["profile.theirs"])
    (asked,) = host.asked
    assert asked["key_sets"] == {"current": old_keys.values, "pending": new_keys.values}
    assert (asked["project_dir"], asked["ignore"]) == ("/srv/app", ["profile.theirs"])
    assert not {"store", "path"} & set(asked)
    assert stored not in str(asked)
    assert str(path) not in str(asked)


@pytest.mark.parametrize(
    ("held", "refused"), [("third", "E_KEYS_DIFFER"), ("old", "E_KEYS_BACK")], ids=["changed by hand", "left out"]
)
@pytest.mark.parametrize("module", ["django_plan", "django_plan_info"])
def test_no_plan_is_made_of_other_keys_than_the_current_ones(
    make, host, path, completed, held, refused, module, old_keys, new_keys, third_keys
):
    make()
    before = path.read_bytes()
    found = {"third": third_keys, "old": old_keys}[held].key_id
    host.answer = {"changed": False, "other_keys": found}
    result = make(module, env_file="/srv/app/.env")
    assert (result["failed"], result["error"]["code"]) == (True, refused)
    assert f"/srv/app/.env contains the {'previous ' * (held == 'old')}keys {found}" in result["msg"]
    assert f"says that {new_keys.key_id} are current" in result["msg"]
    assert path.read_bytes() == before


def test_no_key_is_in_the_result_or_the_file(make, stored, path, old_keys, new_keys):
    text = str(make()) + path.read_text(encoding="utf-8")
    assert not any(value in text for keys in (old_keys, new_keys) for value in keys.values.values())


def test_a_refusal_on_the_host_is_the_result_and_writes_nothing(make, host, path):
    host.answer = {"failed": True, "msg": "E_NO_TARGETS: ...", "error": {"code": "E_NO_TARGETS"}}
    for module in ("django_plan", "django_plan_info"):
        if module == "django_plan_info":
            path.parent.mkdir()
            path.write_text(yaml.safe_dump(document()))
        result = make(module)
        assert (result["failed"], result["error"]["code"]) == (True, "E_NO_TARGETS")
    assert yaml.safe_load(path.read_text()) == document()


STOPPING = {
    "kind": "unproved",
    "column": "a.b",
    "notice": "opens under nothing",
    "todo": "Describe it.",
    "code": "E_UNPROVED",
}


def test_a_plan_that_something_stops_is_written_and_fails_with_all_of_it(make, host, path):
    host.finds(document(ready=False, notices=[STOPPING]))
    done = make()
    assert (done["failed"], done["error"]["code"], done["findings"]) == (True, "E_PLAN_NOT_READY", [STOPPING])
    assert "1 finding that stops" in done["msg"]
    assert str(path) in done["msg"]
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["ready"] is False


def test_a_rotation_refuses_a_plan_that_is_not_ready_until_it_is_made_again(make, host, path):
    host.finds(document(ready=False, notices=[STOPPING]))
    make()
    host.finds(document(ready=True))
    assert make("django_plan_info")["error"]["code"] == "E_PLAN_NOT_READY"
    make()
    assert make("django_plan_info")["changed"] is False


def test_without_a_path_the_plan_is_with_what_outlives_a_run(run_action, host, home):
    done = run_action("django_plan", path=None)
    assert done["path"] == str(home / ".local/state/key_rotation/default/plan.yml")
    assert (home / ".local/state/key_rotation/default/plan.yml").exists()


def test_a_place_that_cannot_be_written_is_reported(make, path):
    path.parent.write_text("taken")
    result = make(path=str(path.parent / "below" / "plan.yml"))
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_FILE")


def test_without_a_plan_the_application_is_taken_as_it_is_found(make, host, path):
    result = make("django_plan_info")
    assert (result["changed"], result.get("failed", False)) == (False, False)
    assert "There is no plan" in result["msg"]
    assert host.asked == []
    assert not path.exists()


def test_an_application_that_is_as_the_plan_says_matches(make, host, path):
    make()
    before = path.stat()
    result = make("django_plan_info")
    assert (result["changed"], result["plan"]["hash"]) == (False, document()["hash"])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_counts_and_notices_match_too(make, host, path):
    make()
    other = document(notices=[])
    other["targets"][0].update(rows=99, classes={"current": 98, "empty": 1})
    host.finds(other)
    assert make("django_plan_info")["changed"] is False


def test_a_plan_is_matched_in_a_dry_run_too(make, host):
    make()
    assert make("django_plan_info", check=True)["changed"] is False
    host.finds(document(targets=[]))
    assert make("django_plan_info", check=True)["error"]["code"] == "E_PLAN_CHANGED"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"targets": []}, "profile.name is gone"),
        ({"targets": [*document()["targets"], {**document()["targets"][0], "column": "a.b"}]}, "a.b is new"),
        (
            {"targets": [{**document()["targets"][0], "scheme": "djfernet"}]},
            "profile.name: scheme was encryption_manager, is djfernet",
        ),
        ({"under_other_keys": [{"column": "a.b", "scheme": "djfernet", "settings": ["X"]}]}, "a.b is new"),
        ({"empty_fields": []}, "profile.later is gone"),
        (
            {"schemes": {"encryption_manager": {"format": "fernet_256"}}},
            "scheme encryption_manager has another description",
        ),
    ],
)
def test_an_application_that_is_otherwise_is_refused_with_the_difference(make, host, path, changed, told):
    make()
    before = path.read_bytes()
    host.finds(document(**changed))
    result = make("django_plan_info")
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_CHANGED")
    assert told in result["msg"]
    assert str(path) in result["msg"]
    assert path.read_bytes() == before


def test_a_plan_of_an_earlier_version_is_to_be_created_and_reviewed_again(make, path):
    """Its hash was over the texts of its findings, and they had no kind."""
    make()
    tampered(path, lambda found: found.update(format=1))
    tampered(path, lambda found: found["notices"][0].pop("kind"))
    result = make("django_plan_info")
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_CHANGED")
    assert "reviewed" in result["error"]["todo"]
    assert make()["changed"] is True, "the plan playbook writes it again"
    assert make("django_plan_info")["changed"] is False


def tampered(path: Path, change) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(yaml.safe_dump(found), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda found: found.update(hash="0" * 64), "its hash does not match its text"),
        (lambda found: found.pop("hash"), "its hash does not match its text"),
        (lambda found: found["targets"][0].update(scheme="djfernet"), "profile.name: scheme was djfernet"),
        (lambda found: found["targets"].clear(), "profile.name is new"),
        (lambda found: found["targets"][0].update(extra=1), "E_PLAN_CHANGED"),
    ],
)
def test_a_plan_that_was_changed_by_hand_is_refused(make, path, change, told):
    make()
    tampered(path, change)
    result = make("django_plan_info")
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_CHANGED")
    assert told in result["msg"]


def test_what_a_person_notes_in_a_plan_does_no_harm(make, path):
    make()
    path.write_text("# approved by Ada, OPS-7\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    tampered(path, lambda found: found["targets"][0].update(rows=7))
    assert make("django_plan_info")["changed"] is False


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\xff\xfe", "cannot be read"),
        (b"targets: [", "is not a plan of this collection"),
        (b"- a\n- b\n", "is not a plan of this collection"),
        (b"just text\n", "is not a plan of this collection"),
        (b"{}\n", "is not a plan of this collection"),
        (b"# only a comment\n", "is not a plan of this collection"),
        (b"!!python/object/apply:os.system ['true']\n", "is not a plan of this collection"),
        (None, "cannot be read"),
    ],
    ids=["no UTF-8", "no YAML", "a list", "text", "a mapping", "a comment", "an object", "a folder"],
)
def test_a_file_that_is_no_plan_is_refused_before_the_host_is_asked(make, host, path, content, found):
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_bytes(content)
    result = make("django_plan_info")
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_FILE")
    assert found in result["msg"]
    assert host.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "targets: x",
        "[unclosed",
        "{format: 2, targets: [], under_other_keys: [], empty_fields: [], schemes: null}",
    ],
)
def test_a_file_that_is_no_plan_is_never_taken_for_no_plan(make, host, path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    result = make("django_plan_info")
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_FILE")


def test_a_plan_of_another_format_is_no_plan(make, host, path):
    make()
    tampered(path, lambda found: found.update(format=3))
    result = make("django_plan_info")
    assert (result["failed"], result["error"]["code"]) == (True, "E_PLAN_FILE")


def test_a_damaged_plan_is_made_again(make, host, path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("[unclosed", encoding="utf-8")
    assert make()["changed"]
    assert not make("django_plan_info").get("failed")
