# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan_document
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.approval import ApprovalEvidence
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import users
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._plans import plan_approval

PLAN = {
    **{part: [] for part in plan_document.PARTS},
    "format": plan_document.FORMAT,
    "schemes": {},
}


class Desk:
    """A plan, two people with keys of their own, and the file that says that Ada may approve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = folder / "plan.yml"
        self.signers = folder / "allowed_signers"
        self.write_plan()
        for name in ("ada", "eve"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(argv, check=True)
        self.signers.write_text(f"ada@example.org {(folder / 'ada.pub').read_text()}")

    def write_plan(self, **other: object) -> None:
        made = {**PLAN, **other}
        self.plan.write_text(yaml.safe_dump({**made, "hash": plan_document.plan_hash(made)}))

    @property
    def text(self) -> Path:
        return Path(f"{self.plan}.approval")

    def approve(
        self, principal: str = "ada@example.org", key: str = "ada", hours_ago: float = 0, environment: str = "demo"
    ) -> None:
        """As commands() has it, with another clock."""
        moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=hours_ago)
        made = plan_document.plan_hash(yaml.safe_load(self.plan.read_text()))
        said = {
            "plan": made,
            "environment": environment,
            "principal": principal,
            "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        }
        self.text.write_text(
            "".join(f"{line}\n" for line in [plan_approval.TITLE, *(" ".join(item) for item in said.items())])
        )
        self.sign(key)

    def sign(self, key: str) -> None:
        Path(f"{self.text}.sig").unlink(missing_ok=True)
        argv = [
            "ssh-keygen",
            "-q",
            "-Y",
            "sign",
            "-f",
            str(self.folder / key),
            "-n",
            plan_approval.NAMESPACE,
            str(self.text),
        ]
        subprocess.run(argv, check=True, capture_output=True)

    def verified(self, operator: str | None = "bob", hours: float = 24) -> ApprovalEvidence:
        return plan_approval.verified(str(self.plan), "demo", str(self.signers), operator, hours)

    def refused(self, **options: object) -> RotationError:
        with pytest.raises(RotationError) as refused:
            self.verified(**options)
        return refused.value


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_another_person_s_signature_over_the_plan_is_an_approval(desk):
    desk.approve(hours_ago=23)
    approved = desk.verified().approval
    assert (approved.principal, approved.plan_hash) == (
        "ada@example.org",
        yaml.safe_load(desk.plan.read_text())["hash"],
    )


def test_the_approval_of_a_plan_of_an_earlier_version_does_not_count(desk):
    desk.approve()
    desk.write_plan(format=1)
    refused = desk.refused()
    assert refused.code == "E_PLAN_CHANGED"
    assert "reviewed" in refused.todo


@pytest.mark.parametrize("name", ["plan.yml", "plan of 'spring'.yml"])
def test_what_is_shown_to_type_makes_an_approval(desk, tmp_path, name):
    desk.plan = desk.plan.rename(tmp_path / name)
    lines = list(plan_approval.commands(str(desk.plan), yaml.safe_load(desk.plan.read_text())["hash"], "demo"))
    script = "\n".join(line.strip() for line in lines if line.startswith("    "))
    script = script.replace("YOUR_NAME", "ada@example.org").replace(
        "~/.ssh/id_ed25519", shlex.quote(str(tmp_path / "ada"))
    )
    subprocess.run(["sh", "-euc", script], cwd=desk.folder, check=True, capture_output=True)
    assert desk.verified().approval.principal == "ada@example.org"


def test_what_the_record_has_is_an_approval_only_if_the_file_of_signers_says_so_too(desk):
    """Who may sign is in the evidence, where whoever writes to the record could put themselves."""
    desk.approve(hours_ago=100)
    evidence = desk.verified(hours=1000)
    found, signers = evidence.as_recorded(), str(desk.signers)
    assert plan_approval.recorded(found, "demo", signers) == evidence == plan_approval.recorded(found, "demo", None)
    assert plan_approval.recorded(found, "production", signers) is None
    assert plan_approval.recorded({**found, "plan_hash": "77" * 32}, "demo", None) is None
    assert plan_approval.recorded({name: found[name] for name in ("plan_hash", "principal")}, "demo", None) is None
    assert plan_approval.recorded([1], "demo", None) is None
    desk.signers.write_text(f"ada@example.org {(desk.folder / 'eve.pub').read_text()}")
    assert plan_approval.recorded(found, "demo", signers) is None
    desk.signers.unlink()
    assert plan_approval.recorded(found, "demo", signers) is None


def test_what_proves_the_approval_later_is_kept(desk):
    """The signature and the one line of who may sign: not what else is in that file."""
    desk.approve()
    with desk.signers.open("a") as signers:
        signers.write(f"eve@example.org {(desk.folder / 'eve.pub').read_text()}")
    kept = desk.verified().as_recorded()
    (allowed,) = kept["allowed_signers"].splitlines()
    argv = ["ssh-keygen", "-l", "-f", str(desk.folder / "ada.pub")]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert kept["fingerprint"] == told.split()[1]
    assert kept["signer"] == " ".join((desk.folder / "ada.pub").read_text().split()[:2])
    assert allowed.startswith("ada@example.org ")
    desk.signers.unlink()
    Path(f"{desk.text}.sig").unlink()
    assert ApprovalEvidence.recorded(kept).accepted()


@pytest.mark.parametrize("names", ["*@example.org", "eve@example.org,ada@example.org", "!bob@example.org,*"])
def test_a_line_by_which_the_signer_could_choose_who_that_is_counts_for_nobody(desk, names):
    desk.signers.write_text(f"{names} {(desk.folder / 'eve.pub').read_text()}")
    desk.approve(key="eve")
    assert desk.refused().code == "E_APPROVAL_SIGNER"


@pytest.mark.parametrize("behind", ["a second signature", "signed by Ada\n"])
def test_what_stands_behind_a_signature_is_refused(desk, behind):
    """ssh-keygen takes no notice of it, and the record could not be checked by anything else."""
    desk.approve()
    signature = Path(f"{desk.text}.sig")
    made = signature.read_text()
    signature.write_text(made + (made if behind == "a second signature" else behind))
    refused = desk.refused()
    assert (refused.code, refused.where["path"]) == ("E_APPROVAL_FORMAT", str(signature))


@pytest.mark.parametrize("which", ["plan.yml.approval", "plan.yml.approval.sig", "allowed_signers"])
def test_what_may_not_be_read_is_not_called_missing_or_wrong(desk, monkeypatch, which):
    desk.approve()
    opened = open

    def refusing(path, *words, **options):
        if str(path) == str(desk.folder / which):
            raise PermissionError(13, "Permission denied")
        return opened(path, *words, **options)

    monkeypatch.setattr("builtins.open", refusing)
    refused = desk.refused()
    assert (refused.code, f"{which} cannot be read: Permission denied" in refused.what) == ("E_APPROVAL_MISSING", True)


def test_without_an_approval_there_is_nothing_to_show(desk):
    refused = desk.refused()
    assert refused.code == "E_APPROVAL_MISSING"
    assert "ssh-keygen -Y sign" in refused.todo
    desk.approve()
    Path(f"{desk.text}.sig").unlink()
    assert (desk.refused().code, "is not signed" in str(desk.refused())) == ("E_APPROVAL_MISSING", True)


def test_without_a_plan_there_is_nothing_to_approve(desk):
    desk.plan.unlink()
    assert desk.refused().code == "E_APPROVAL_MISSING"


def test_a_tab_divides_the_words_of_the_allowed_signers_as_it_does_for_ssh_keygen(desk):
    desk.signers.write_text(desk.signers.read_text().replace(" ", "\t", 1))
    desk.approve()
    assert desk.verified().approval.principal == "ada@example.org"


def test_without_allowed_signers_nobody_may_approve(desk):
    desk.approve()
    desk.signers.unlink()
    assert desk.refused().code == "E_APPROVAL_MISSING"


def test_the_approval_of_another_plan_is_refused(desk):
    desk.approve()
    desk.write_plan(empty_fields=[{"column": "a.b", "field": "c"}])
    assert desk.refused().code == "E_APPROVAL_PLAN"


def test_the_approval_for_another_environment_is_refused(desk):
    desk.approve(environment="staging")
    refused = desk.refused()
    assert (refused.code, refused.where["approved"]) == ("E_APPROVAL_ENVIRONMENT", "staging")


def test_a_plan_that_does_not_match_its_hash_is_refused(desk):
    desk.approve()
    made = yaml.safe_load(desk.plan.read_text())
    desk.plan.write_text(yaml.safe_dump({**made, "empty_fields": [{"column": "a.b", "field": "c"}]}))
    assert desk.refused().code == "E_APPROVAL_PLAN"


@pytest.mark.parametrize(("principal", "key"), [("ada@example.org", "eve"), ("eve", "eve"), ("eve", "ada")])
def test_who_may_not_sign_or_signs_for_another_is_refused(desk, principal, key):
    desk.approve(principal, key)
    assert desk.refused().code == "E_APPROVAL_SIGNER"


def test_a_text_that_was_changed_after_it_was_signed_is_refused(desk):
    desk.approve(hours_ago=48)
    fresh = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = desk.text.read_text().splitlines()
    desk.text.write_text("\n".join([*lines[:-1], f"time {fresh}"]) + "\n")
    assert desk.refused().code == "E_APPROVAL_SIGNER"


def test_a_signature_for_another_purpose_is_refused(desk):
    desk.approve()
    Path(f"{desk.text}.sig").unlink()
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(desk.folder / "ada"), "-n", "file", str(desk.text)]
    subprocess.run(argv, check=True, capture_output=True)
    assert desk.refused().code == "E_APPROVAL_SIGNER"


@pytest.mark.parametrize("operator", ["ada@example.org", "ada", "Ada@elsewhere.example"])
def test_who_rotates_does_not_approve(desk, operator):
    desk.approve()
    assert desk.refused(operator=operator).code == "E_APPROVAL_SELF"


@pytest.mark.parametrize("principal", ["*@example.org", "*", "?da@example.org", "ada@example.org,eve"])
def test_a_name_that_is_a_pattern_is_nobody(desk, principal):
    desk.signers.write_text(f"{principal} {(desk.folder / 'eve.pub').read_text()}")
    desk.approve(principal, "eve")
    assert desk.refused(operator="eve").code == "E_APPROVAL_FORMAT"


@pytest.mark.parametrize(
    "second", ["bob@example.org", '"bob@example.org"', '"carl,bob"', '"carl x,bob"', "b*@example.org"]
)
def test_who_rotates_does_not_approve_under_a_second_name(desk, second):
    desk.approve()
    key = (desk.folder / "ada.pub").read_text()
    with desk.signers.open("a") as signers:
        signers.write(f"{second} {key}")
    assert desk.refused(operator="bob").code == "E_APPROVAL_SELF"


@pytest.mark.parametrize(
    ("name", "other", "may_be"),
    [
        ("ops[1]", "ops[1]@example.org", True),  # ssh's patterns know no brackets
        ("bob", "*@example.org", False),  # a line for all of a domain names nobody
        ("bob@example.org", "*@example.org", True),
        ("bob", "b*@example.org", True),
        ("bob", "B?B", True),
        ("bob", "bobby@example.org", False),
    ],
)
def test_whom_a_line_of_the_allowed_signers_may_name(name, other, may_be):
    assert plan_approval._may_be(name, other) is may_be


def test_who_rotates_is_known_by_the_account_whatever_they_say(desk, monkeypatch):
    desk.approve()
    monkeypatch.setenv("SUDO_USER", "ada")
    assert desk.refused(operator="bob").code == "E_APPROVAL_SELF"


@pytest.mark.parametrize("operator", ["bob", None])
def test_who_rotates_is_known_by_who_logged_in_too(desk, monkeypatch, tmp_path, operator):
    """Who has logged in as Ada, and become root or Bob since."""
    desk.approve()
    (tmp_path / "loginuid").write_text("1234567")
    monkeypatch.setattr(users, "LOGIN", str(tmp_path / "loginuid"))
    monkeypatch.setattr(users, "name_of", lambda uid: "ada" if uid == 1234567 else "root")
    refused = desk.refused(operator=operator)
    assert (refused.code, refused.where["operator"]) == ("E_APPROVAL_SELF", "ada")


def test_an_account_that_is_nobody_must_be_named(desk, monkeypatch):
    desk.approve()
    monkeypatch.setattr(plan_approval, "_accounts", lambda: {"root"})
    refused = desk.refused(operator=None)
    assert (refused.code, "key_rotation_operator" in refused.todo) == ("E_APPROVAL_SELF", True)


@pytest.mark.parametrize("hours_ago", [24.1, -1])
def test_an_approval_that_is_too_old_or_of_the_future_is_refused(desk, hours_ago):
    desk.approve(hours_ago=hours_ago)
    assert desk.refused().code == "E_APPROVAL_OLD"


def test_a_text_that_names_two_plans_is_refused(desk):
    """Who signs reads the first, and the last would count."""
    desk.approve()
    named = desk.text.read_text().replace("\nplan ", f"\nplan {'77' * 32}\nplan ", 1)
    for text in (named, desk.text.read_text() + f"plan {'77' * 32}\n"):
        desk.text.write_text(text)
        desk.sign("ada")
        assert desk.refused().code == "E_APPROVAL_FORMAT"


@pytest.mark.parametrize("word", ["REJECTED", "\x0bREJECTED", "not for production"])
def test_a_text_that_says_more_than_an_approval_does_not_count(desk, word):
    desk.approve()
    desk.text.write_text(f"{desk.text.read_text()}\n{word}\n")
    desk.sign("ada")
    assert desk.refused().code == "E_APPROVAL_FORMAT"


@pytest.mark.parametrize("text", ["", "something else\n", f"{plan_approval.TITLE}\nplan x\nprincipal y\ntime noon\n"])
def test_a_text_of_another_form_is_refused(desk, text):
    desk.text.write_text(text)
    assert desk.refused().code == "E_APPROVAL_FORMAT"
