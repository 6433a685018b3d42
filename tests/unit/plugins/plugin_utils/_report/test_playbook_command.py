# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import playbook_command


@pytest.fixture
def typed(monkeypatch, tmp_path):
    """Ansible was started with these arguments, in this folder."""
    monkeypatch.chdir(tmp_path)

    def start(**options) -> None:
        monkeypatch.setattr(context, "CLIARGS", CLIArgs(options))

    return start


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({"args": ("rotate.yml",)}, "ansible-playbook rollback.yml"),
        ({"args": ("playbooks/rotate.yml",)}, "ansible-playbook playbooks/rollback.yml"),
        ({"args": ("./rotate.yml",)}, "ansible-playbook ./rollback.yml"),
        ({"args": ("/srv/my plays/rotate.yml",)}, "ansible-playbook '/srv/my plays/rollback.yml'"),
        ({"args": ("tetech.key_rotation.rotate",)}, "ansible-playbook tetech.key_rotation.rollback"),
        ({"args": ("rotate.yml",), "inventory": ("{cwd}/staging",)}, "ansible-playbook rollback.yml -i staging"),
        ({"args": ("rotate.yml",), "inventory": ("localhost,",)}, "ansible-playbook rollback.yml -i localhost,"),
        (
            {"args": ("rotate.yml",), "inventory": ("{cwd}/a", "{cwd}/b")},
            "ansible-playbook rollback.yml -i a -i b",
        ),
        ({"args": ("rotate.yml",), "connection": "local"}, "ansible-playbook rollback.yml -c local"),
        ({"args": ("rotate.yml",), "connection": "ssh"}, "ansible-playbook rollback.yml"),
        (
            {"args": ("rotate.yml",), "extra_vars": ("key_rotation_reason=leak",)},
            "ansible-playbook rollback.yml (and your other -e options)",
        ),
        (
            {
                "args": ("tetech.key_rotation.rotate",),
                "inventory": ("localhost,",),
                "connection": "local",
                "extra_vars": ("key_rotation_project_dir=/srv/food_ordering",),
            },
            "ansible-playbook tetech.key_rotation.rollback -i localhost, -c local "
            "-e key_rotation_project_dir=/srv/food_ordering",
        ),
        (
            {"args": ("rotate.yml",), "vault_ids": ("prod@prompt", "dev@~/my password")},
            "ansible-playbook rollback.yml --vault-id prod@prompt --vault-id 'dev@~/my password'",
        ),
        (
            {"args": ("rotate.yml",), "vault_password_files": ("{cwd}/password",), "ask_vault_pass": False},
            "ansible-playbook rollback.yml --vault-password-file password",
        ),
        ({"args": ("rotate.yml",), "ask_vault_pass": True}, "ansible-playbook rollback.yml --ask-vault-pass"),
        ({"args": ("rotate.yml",), "subset": "web:&prod"}, "ansible-playbook rollback.yml --limit 'web:&prod'"),
        (
            {"args": ("rotate.yml",), "extra_vars": ("@vars.yml", "key_rotation_user=app", "key_rotation_id=r1")},
            "ansible-playbook rollback.yml -e @vars.yml -e key_rotation_user=app (and your other -e options)",
        ),
    ],
)
def test_the_other_playbook_is_started_as_this_one_was(typed, tmp_path, options, command):
    places = {
        name: tuple(place.format(cwd=tmp_path) for place in options.get(name, ()))
        for name in ("inventory", "vault_password_files")
    }
    typed(**{**options, **places})
    assert playbook_command.command("rollback") == command


def test_next_to_a_playbook_that_imports_ours_there_may_be_no_other(typed, tmp_path):
    typed(args=("site.yml",))
    (tmp_path / "site.yml").touch()
    assert playbook_command.command("verify") == "ansible-playbook tetech.key_rotation.verify"
    (tmp_path / "verify.yml").touch()
    assert playbook_command.command("verify") == "ansible-playbook verify.yml"


@pytest.mark.parametrize(
    "extra",
    [
        "database_password=CANARY",
        "key_rotation_store={'password':'CANARY'}",
        '{"key_rotation_user": "app", "password": "CANARY"}',
        "key_rotation_user=app password=CANARY",
        "key_rotation_project_dir=/srv/food ordering",
        "key_rotation_project_dir_of=CANARY",
        "xkey_rotation_user=CANARY",
        "key_rotation_user=app\npassword=CANARY",
    ],
)
def test_what_might_be_a_secret_is_not_shown_again(typed, extra):
    typed(args=("rotate.yml",), extra_vars=(extra,))
    assert playbook_command.command("rollback") == "ansible-playbook rollback.yml (and your other -e options)"


def test_an_option_is_added_before_the_note_about_options_that_are_not_shown(typed):
    typed(args=("rotate.yml",), extra_vars=("key_rotation_reason=leak", "a=b"))
    command = playbook_command.build_command("rollback")
    assert command == playbook_command.PlaybookCommand("ansible-playbook rollback.yml", 2)
    assert command.with_options({"key_rotation_id": None}) == command
    named = "ansible-playbook rollback.yml -e key_rotation_id='r 1' (and your other -e options)"
    assert str(command.with_options({"key_rotation_id": "r 1", "key_rotation_restore_alias": None})) == named


@pytest.mark.parametrize("others", [0, 2])
def test_a_recorded_command_is_read_as_it_was_and_as_an_earlier_version_recorded_it(others):
    command = playbook_command.PlaybookCommand("ansible-playbook verify.yml -i a", others)
    recorded = {"now": dataclasses.asdict(command), "then": str(command)}
    read = playbook_command.decode_commands(json.loads(json.dumps(recorded)))
    assert read["now"] == command
    assert (str(read["then"]), bool(read["then"].others)) == (str(command), bool(others))


@pytest.mark.parametrize(
    ("text", "installed"),
    [
        ("run rollback.yml.", "run ansible-playbook tetech.key_rotation.rollback."),
        ("ansible-playbook verify.yml -i x", "ansible-playbook tetech.key_rotation.verify -i x"),
        ("(verify.yml --tags record)", "(ansible-playbook tetech.key_rotation.verify --tags record)"),
        ("/srv/rotate.yml, my-rotate.yml and plan=rotate.yml", "/srv/rotate.yml, my-rotate.yml and plan=rotate.yml"),
    ],
)
def test_a_text_names_a_playbook_as_it_can_be_typed(typed, text, installed):
    typed(args=("rotate.yml",))
    assert playbook_command.spell_playbooks(text) == text
    typed(args=("tetech.key_rotation.rotate",))
    assert playbook_command.spell_playbooks(text) == installed
