# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import (
    approval,
    chain,
    page_checksums,
    sshsig,
    verifier,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import FORMAT
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import NAMESPACE, SIGNER, Record, node


class Kept:
    """Two records, one after the other, and what the store keeps of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = sshsig.new_key()
        first, second = Record(str(folder), "r1"), Record(str(folder), "r2")
        for phase in ("intent", "done"):
            first.append("rotate", phase)
        follows = str(first.sign(self.key))
        second.append("rotate", "intent", follows=follows)
        second.append("rotate", "done")
        self.anchor = str(second.sign(self.key))

    def path(self, rotation_id: str, name: str = "record.jsonl") -> Path:
        return self.folder / rotation_id / name

    def lines(self, rotation_id: str) -> list[str]:
        return self.path(rotation_id).read_text().splitlines(keepends=True)

    def write(self, rotation_id: str, lines: list[str]) -> None:
        self.path(rotation_id).write_text("".join(lines))

    def rewrite(self, rotation_id: str) -> None:
        """As somebody would who can write the folder: another story, with a chain that is right, and no signature."""
        text = b""
        for line in self.lines(rotation_id):
            text += chain.link(text, {**json.loads(line), "actor": "nobody"})
        self.path(rotation_id).write_bytes(text)
        self.path(rotation_id, "record.jsonl.sig").unlink()

    def sign_anew(self, rotation_id: str) -> None:
        """With a key of their own, and its public half beside it."""
        Record(str(self.folder), rotation_id).sign(sshsig.new_key())

    def kinds(self) -> dict[str, list[str]]:
        found = verifier.check([str(self.folder)], anchor=self.anchor, key=sshsig.public(self.key))
        return {each.rotation_id: [problem.kind for problem in each.problems] for each in found if each.problems}

    def exit_code(self, *options: str) -> int:
        return verifier.main([str(self.folder), *options])

    def told(self, **given: object) -> dict[str, verifier.VerifiedRecord]:
        """What an auditor is told who has the newest head and the key."""
        asked = {"anchor": self.anchor, "key": sshsig.public(self.key), **given}
        return {each.rotation_id: each for each in verifier.check([str(self.folder)], **asked)}

    def audited(self, *options: str, others: tuple[Path, ...] = ()) -> int:
        """How it ends for them."""
        places = [str(place) for place in (self.folder, *others)]
        return verifier.main([*places, "--anchor", self.anchor, "--key", sshsig.public(self.key), *options])

    def go_on(self, key: str | None = None) -> None:
        """One more run of r2, signed, its head in the store."""
        record = Record(str(self.folder), "r2")
        record.append("rollback", "intent", follows=self.anchor)
        record.append("rollback", "done")
        self.anchor = str(record.sign(key or self.key))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "records")


@pytest.fixture
def two_nodes(kept, tmp_path, monkeypatch) -> Kept:
    """r1 and r2 are this control node's; r3 is another one's, in a folder of its own."""
    other = tmp_path / "other"
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "b.example.org")
        record = Record(str(other), "r3")
        record.append("rotate", "intent", follows=kept.anchor)
        record.append("rotate", "done")
        kept.anchor = str(record.sign(kept.key))
    return kept


@pytest.fixture
def paged(kept) -> Kept:
    """With a page of each record and one over all, and what they are written down."""
    Record(str(kept.folder), "r2").append("rollback", "intent", pages=page_checksums.SUMS)
    kept.anchor = str(Record(str(kept.folder), "r2").sign(kept.key))
    Lease(str(kept.folder)).take("r2", os.getpid())
    for name in ("r1/report.html", "r2/report.html", "r2/reminders.ics", "index.html"):
        (kept.folder / name).write_text(f"the page {name}")
    assert page_checksums.note(str(kept.folder), ["r2"], kept.key)
    return kept


@pytest.fixture(scope="module")
def evidence(tmp_path_factory) -> dict[str, dict[str, str]]:
    """What two people have signed, as the record has it: Ada with a key of RSA, and Eve in her name."""
    folder = tmp_path_factory.mktemp("desk")
    members = zip(approval.MEMBERS, (APPROVAL.plan_hash, APPROVAL.environment, APPROVAL.principal, APPROVAL.time))
    text = "".join(f"{line}\n" for line in [approval.TITLE, *map(" ".join, members)])
    made = {}
    for name, kind in (("ada", "rsa"), ("eve", "ed25519")):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", name], cwd=folder, check=True)
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", name, "-n", approval.NAMESPACE]
        signed = subprocess.run(argv, input=text, text=True, cwd=folder, check=True, capture_output=True)
        allowed = f'ada@example.org valid-before="20260301" {(folder / f"{name}.pub").read_text()}'
        made[name] = approval.ApprovalEvidence(APPROVAL, text, signed.stdout, allowed).as_recorded()
    return made


def test_records_that_nobody_touched_are_whole(kept, capsys):
    assert kept.kinds() == {}
    assert kept.audited() == 0
    assert capsys.readouterr().out.splitlines() == [
        "r1: intact, 2 lines, 2 of them signed",
        "r2: intact, 2 lines, 2 of them signed",
    ]


@pytest.mark.parametrize(
    ("given", "not_checked"),
    [
        (
            (),
            {
                "r1": ["no key to verify it with"],
                "r2": ["no key to verify it with", "truncation after line 0 could not be detected"],
            },
        ),
        (("--anchor",), {"r1": ["no key to verify it with"], "r2": ["no key to verify it with"]}),
        (("--key",), {"r1": [], "r2": ["truncation after line 0 could not be detected"]}),
    ],
)
def test_what_could_not_be_checked_is_said_and_is_not_whole(kept, capsys, given, not_checked):
    values = {"--anchor": kept.anchor, "--key": sshsig.public(kept.key)}
    code = kept.exit_code(*(word for name in given for word in (name, values[name])))
    assert code == verifier.NOT_CHECKED["unchecked"][0]
    for line in capsys.readouterr().out.splitlines():
        rotation_id, _, words = line.partition(": ")
        for said in ("no key to verify it with", "truncation after line 0 could not be detected"):
            assert (said in words) == (said in not_checked[rotation_id])


def test_a_run_that_has_not_ended_is_distinguished_with_since_when_and_who(kept, capsys):
    go_on("rollback", "intent")(kept)
    began = json.loads(kept.lines("r2")[-1])
    Record(str(kept.folder), "r2").append("django_census", "intent")
    assert kept.kinds() == {"r2": ["unsigned"]}
    lease = Lease(str(kept.folder))
    lease.take("r1", os.getpid())
    assert kept.audited() == verifier.EXIT_CODES["unsigned"][0], "the run that goes on is another's"
    lease.take("r2", os.getpid())
    assert kept.kinds() == {}
    capsys.readouterr()
    assert kept.audited() == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith("r2: intact, 4 lines, 2 of them signed; a run that has not ended, since ")
    assert told.endswith(": it is running")
    assert f"since {began['time']} (rollback by {began['actor']} on {began['control_node']})" in told
    assert "not signed from line 3 on" in told


def test_half_a_line_of_a_run_that_was_killed_is_no_edit(kept):
    go_on("rollback", "intent")(kept)
    began = json.loads(kept.lines("r2")[-1])
    with kept.path("r2").open("a") as record:
        record.write('{"actor":"ada","ev')
    told = kept.told()["r2"]
    assert ([problem.kind for problem in told.problems], told.lines) == (["unsigned"], 3)
    half = f"an incomplete last line, from a run that was killed while it wrote, after {began['time']}"
    assert half in [note.found for note in told.notes]
    assert "half a line" not in str(kept.told()["r1"])


def killed(kept: Kept) -> Path:
    """A run of r2 that was killed after two steps: nobody has signed it. The key of the next line."""
    for event, phase in (("rollback", "intent"), ("env_file", "intent"), ("env_file", "done")):
        Record(str(kept.folder), "r2").append(event, phase)
    assert kept.kinds() == {"r2": ["unsigned"]}
    return kept.path("r2", "record.jsonl.next")


def forge(kept: Kept) -> None:
    """In the place of what was cut off, another line in a chain that is right."""
    Record(str(kept.folder), "r2").append("env_file", "failed")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("left", [3, 4])
@pytest.mark.parametrize("also", [lambda kept: None, forge, lambda kept: kept.path("r2", "record.jsonl.next").unlink()])
def test_of_a_run_that_was_killed_no_line_is_cut_off_unseen(kept, left, also, signed):
    """Also back to the beginning of the run, which is signed, its head in the store."""
    go_on("rollback", "intent")(kept)
    if signed:
        kept.anchor = str(Record(str(kept.folder), "r2").sign(kept.key))
    for phase in ("intent", "done"):
        go_on("env_file", phase)(kept)
    kept.write("r2", kept.lines("r2")[:left])
    also(kept)
    assert kept.kinds() == {"r2": ["cut"]}
    given = {"anchor": kept.anchor, "key": sshsig.public(kept.key)}
    ((problem,), _) = verifier.before_going_on(str(kept.folder), "r2", **given)
    assert problem.kind == "cut", "and no run signs it so"
    assert kept.audited() == verifier.EXIT_CODES["cut"][0]


def test_a_run_that_was_killed_between_a_line_and_its_key_continues(kept):
    key = killed(kept)
    before = key.read_text()
    forge(kept)
    key.write_text(before)
    assert kept.kinds() == {"r2": ["unsigned"]}
    forge(kept)
    assert kept.kinds() == {"r2": ["unsigned"]}
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_record_whose_lines_had_no_keys_yet_continues(kept):
    """One of an earlier version."""
    text = b""
    for line in kept.lines("r2"):
        content = {name: value for name, value in json.loads(line).items() if name not in ("next_key", "signature")}
        text += chain.link(text, content)
    kept.path("r2").write_bytes(text)
    kept.path("r2", "record.jsonl.next").unlink()
    kept.anchor = str(Record(str(kept.folder), "r2").sign(kept.key))
    assert kept.kinds() == {}
    killed(kept)
    kept.write("r2", kept.lines("r2")[:-1])
    assert kept.kinds() == {"r2": ["cut"]}


def test_a_record_of_a_later_format_is_verified_and_its_format_reported(kept):
    record = Record(str(kept.folder), "r2")
    for number, noted in ((FORMAT, False), (FORMAT + 1, True)):
        record.append("rollback", "intent", format=number, of_a_later_version=3)
        record.append("rollback", "done")
        kept.anchor = str(record.sign(kept.key))
        told = kept.told()["r2"]
        assert (told.problems, told.signed) == ([], told.lines)
        assert any(note.kind == "later" for note in told.notes) == noted
    assert kept.audited() == 0
    kept.write("r2", kept.lines("r2")[:-1])
    assert kept.kinds()["r2"][0] == "cut"


def test_openssh_alone_says_so_too(kept):
    folder = kept.folder / "r1"
    argv = ["ssh-keygen", "-Y", "verify", "-f", "record_signers", "-I", SIGNER, "-n", NAMESPACE, "-s"]
    with open(folder / "record.jsonl", "rb") as record:
        subprocess.run([*argv, "record.jsonl.sig"], stdin=record, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def edit(kept: Kept) -> None:
    kept.write("r1", [line.replace('"done"', '"failed"') for line in kept.lines("r1")])


def reorder(kept: Kept) -> None:
    kept.write("r1", kept.lines("r1")[::-1])


def cut(kept: Kept) -> None:
    kept.write("r1", kept.lines("r1")[:-1])


def cut_newest(kept: Kept) -> None:
    kept.write("r2", kept.lines("r2")[:-1])


def rewrite(kept: Kept) -> None:
    kept.rewrite("r1")
    kept.sign_anew("r1")


def take_away(kept: Kept) -> None:
    shutil.rmtree(kept.folder / "r1")


def swap(kept: Kept) -> None:
    for name, other in (("r1", "aside"), ("r2", "r1"), ("aside", "r2")):
        (kept.folder / name).rename(kept.folder / other)


def copy_as_another(kept: Kept) -> None:
    """Signed by the store's key, and whole: of a rotation that never was."""
    shutil.copytree(kept.folder / "r1", kept.folder / "r3")


def add(line: bytes) -> Callable[[Kept], None]:
    return lambda kept: kept.path("r1").write_bytes(kept.path("r1").read_bytes() + line)


def go_on(event: str, phase: str) -> Callable[[Kept], None]:
    """Lines after those that are signed, in a chain that is right."""
    return lambda kept: Record(str(kept.folder), "r2").append(event, phase) and None


def follow(text: object) -> Callable[[Kept], None]:
    def change(kept: Kept) -> None:
        line, *rest = (json.loads(line) for line in kept.lines("r2"))
        made = chain.link(b"", {**line, "follows": text})
        for each in rest:
            made += chain.link(made, each)
        kept.path("r2").write_bytes(made)

    return change


def name_another_key(kept: Kept) -> None:
    beside = kept.path("r1", "record_signers")
    beside.write_text(beside.read_text().replace(sshsig.public(kept.key), sshsig.public(sshsig.new_key())))


@pytest.mark.parametrize(
    ("tamper", "found", "code"),
    [
        (edit, {"r1": ["edited", "signature"]}, 1),
        (reorder, {"r1": ["reordered", "rewritten", "signature"]}, 3),
        (cut, {"r1": ["cut", "signature"]}, 4),
        (cut_newest, {"r2": ["cut", "signature"]}, 4),
        (rewrite, {"r1": ["rewritten", "signature"]}, 5),
        (lambda kept: kept.rewrite("r2"), {"r2": ["rewritten", "signature"]}, 5),
        (lambda kept: kept.sign_anew("r1"), {"r1": ["signature"]}, 6),
        (lambda kept: kept.path("r2", "record.jsonl.sig").unlink(), {"r2": ["signature"]}, 6),
        (take_away, {"r1": ["cut"]}, 4),
        (swap, {"r1": ["rewritten"], "r2": ["rewritten"]}, 5),
        (copy_as_another, {"r3": ["rewritten"]}, 5),
        (name_another_key, {"r1": ["signature"]}, 6),
        (go_on("rollback", "done"), {"r2": ["signature"]}, 6),
        (add(b"[1]\n"), {"r1": ["edited"]}, 1),
        (add(b"5\n"), {"r1": ["edited"]}, 1),
        (add(b'{"hash":"\\ud800"}\n'), {"r1": ["edited"]}, 1),
        (add(b"[" * 200_000 + b"\n"), {"r1": ["edited"]}, 1),
        (follow("no head"), {"r2": ["rewritten", "signature"]}, 5),
        (follow(5), {"r2": ["rewritten", "signature"]}, 5),
        (follow("r1 0 abc"), {"r2": ["rewritten", "signature"]}, 5),
    ],
)
def test_each_tampering_is_found(kept, tamper, found, code):
    tamper(kept)
    kinds = kept.kinds()
    assert set(kinds) == set(found)
    for rotation_id, expected in found.items():
        assert sorted(set(kinds[rotation_id])) == sorted(set(expected))
    assert kept.exit_code("--anchor", kept.anchor, "--key", sshsig.public(kept.key)) == code


@pytest.mark.parametrize("event", ["django_census", "postgresql_backup", "rotation_checklist", "env_file"])
def test_a_step_that_was_added_after_the_end_of_a_run_is_found(kept, event):
    """Its chain is right: only that no run was open tells it."""
    record = Record(str(kept.folder), "r2")
    record.append(event, "done", targets=[])
    assert kept.kinds() == {"r2": ["signature"]}
    assert kept.exit_code("--anchor", kept.anchor) == verifier.EXIT_CODES["signature"][0]


@pytest.mark.parametrize("state", ["dropped", "present"])
def test_a_drop_that_was_killed_is_a_run_that_has_not_ended_and_no_tampering(kept, state):
    Record(str(kept.folder), "r2").append("postgresql_restore", "intent", asked={"state": state})
    second = kept.told()["r2"]
    if state == "present":
        assert [problem.kind for problem in second.problems] == ["signature"], "a restore has a run around it"
        return
    assert [problem.kind for problem in second.problems] == ["unsigned"]
    assert "a run that has not ended" in str(second)
    assert "postgresql_restore by " in str(second)
    Record(str(kept.folder), "r2").append("postgresql_restore", "done", asked={"state": state}, dropped=["before_r2"])
    assert kept.audited() == 13


def test_the_steps_of_a_run_that_continues_are_no_problem(kept):
    record = Record(str(kept.folder), "r2")
    Lease(str(kept.folder)).take("r2", os.getpid())
    record.append("rollback", "intent")
    record.append("django_census", "done")
    assert kept.kinds() == {}


def test_a_folder_with_another_name_is_one_problem_and_the_others_are_looked_at(kept, capsys):
    shutil.copytree(kept.folder / "r1", kept.folder / "r1 (copy)")
    assert kept.kinds() == {"r1 (copy)": ["unreadable"]}
    assert kept.exit_code("--anchor", kept.anchor) == verifier.EXIT_CODES["unreadable"][0]
    assert "r2: intact" in capsys.readouterr().out


def test_without_the_package_that_signatures_need_it_says_so(kept, monkeypatch, capsys):
    monkeypatch.setattr(sshsig, "usable", lambda: False)
    assert kept.exit_code() == verifier.EXIT_CODES["unreadable"][0]
    assert "has no package cryptography" in capsys.readouterr().err


@pytest.mark.parametrize("added", [[("notification", "done")], [("rollback", "intent"), ("rollback", "failed")]])
def test_lines_after_a_signed_end_are_not_whole_and_have_an_exit_code_of_their_own(kept, added):
    """Somebody else could have added them: a message with a dump, or a rollback that nobody has tried."""
    for event, phase in added:
        Record(str(kept.folder), "r2").append(event, phase, dumps=[{"path": "/made/up"}])
    second = kept.told()["r2"]
    assert (second.signed, [problem.kind for problem in second.problems]) == (2, ["unsigned"])
    assert "its lines from 3 on are not signed: they were written after the end of a run" in str(second)
    assert kept.audited() == 13


def test_a_record_of_an_earlier_version_is_distinguished(kept, capsys):
    old = kept.folder / "r0"
    old.mkdir()
    (old / "record.jsonl").write_text('{"event": "rotate", "phase": "failed", "seq": 1}\n')
    assert kept.kinds() == {}
    assert kept.exit_code("--rotation-id", "r0") == verifier.NOT_CHECKED["unchecked"][0]
    assert "earlier version" in capsys.readouterr().out
    (old / "record.jsonl").write_text('{"event": "rotate", "phase": "done", "seq": 1}\n')
    assert kept.kinds() == {"r0": ["signature"]}, "anybody could have written that"


def test_a_former_key_that_is_known_is_distinguished_from_one_that_nobody_knows(kept):
    """The store was changed: it has another key, and an older one is named by the operator."""
    old, kept.key = kept.key, sshsig.new_key()
    kept.go_on()
    assert kept.kinds() == {"r1": ["signature"]}
    print_of = sshsig.fingerprint(sshsig.public(old))
    assert f"signed by {print_of}, an unknown key" in str(kept.told()["r1"])
    told = kept.told(former=[sshsig.public(old)])
    assert (told["r1"].problems, told["r1"].signer) == ([], print_of)
    assert f"signed by {print_of}, which is listed as a former key" in str(told["r1"])
    assert kept.audited("--former-key", sshsig.public(old)) == 0


def name_former(kept: Kept, rotation_id: str, former: str, key: str | None) -> None:
    """A run that met a store without a key, and wrote down who had signed before."""
    record = Record(str(kept.folder), rotation_id)
    record.append("rotate", "intent", former_signers=[sshsig.public(former)], follows=kept.anchor)
    if key:
        kept.anchor = str(record.sign(key))


def test_a_change_of_the_key_that_was_written_down_is_followed_back(kept):
    first, second, kept.key = kept.key, sshsig.new_key(), sshsig.new_key()
    name_former(kept, "r3", first, second)
    name_former(kept, "r4", second, kept.key)
    assert kept.kinds() == {}
    assert "which line 1 of r4 lists as a former key" in str(kept.told()["r3"])
    assert "which line 1 of r3 lists as a former key" in str(kept.told()["r1"])


@pytest.mark.parametrize(("rotation_id", "signs"), [("r3", False), ("r3", True), ("r2", False)])
def test_nobody_makes_a_key_of_theirs_a_former_one(kept, rotation_id, signs):
    """Neither in a line that nobody signed, also behind those that are, nor in one that they signed themselves."""
    theirs = sshsig.new_key()
    Record(str(kept.folder), "r1").sign(theirs)
    anchor = kept.anchor
    name_former(kept, rotation_id, theirs, theirs if signs else None)
    kept.anchor = anchor
    assert kept.kinds()["r1"] == ["signature"]


def test_only_the_beginning_of_a_run_names_a_former_key(kept):
    """Whatever other lines a run has signed."""
    theirs = sshsig.new_key()
    record = Record(str(kept.folder), "r3")
    record.append("rotate", "intent", follows=kept.anchor)
    record.append("notification", "done", former_signers=[sshsig.public(theirs)])
    kept.anchor = str(record.sign(kept.key))
    Record(str(kept.folder), "r1").sign(theirs)
    assert kept.kinds() == {"r1": ["signature"]}


def refuse(kept: Kept) -> Record:
    """A run that was refused: written down, and never signed."""
    record = Record(str(kept.folder), "refused")
    record.append("attempt", "failed")
    return record


def test_a_run_that_was_refused_leaves_the_rest_whole_and_the_next_run_has_seen_it(kept):
    refused = refuse(kept)
    assert (kept.kinds(), kept.audited()) == ({}, 0)
    told = str(kept.told()["refused"])
    assert told == "refused (the record of refused runs, which is not signed): intact, 1 line"
    head = str(chain.head("refused", refused.text(), node()))
    record = Record(str(kept.folder), "r3")
    record.append("rotate", "intent", follows=kept.anchor, follows_refused=head)
    record.append("rotate", "done")
    kept.anchor = str(record.sign(kept.key))
    refuse(kept)
    assert (kept.kinds(), kept.audited()) == ({}, 0)
    text = b""
    for line in kept.lines("refused"):
        text += chain.link(text, {**json.loads(line), "actor": "nobody"})
    kept.path("refused").write_bytes(text)
    assert kept.kinds() == {"refused": ["rewritten"]}
    shutil.rmtree(kept.folder / "refused")
    assert kept.kinds() == {"refused": ["cut"]}


def test_a_record_that_was_planted_is_found_if_the_store_has_signed_others(kept):
    """It tells of a run that has failed; of a rotation of another control node that is what a refused one leaves."""
    for name, resumed in (("r8", False), ("r9", True)):
        record = Record(str(kept.folder), name)
        record.append("rotate", "intent", resumed=resumed)
        record.append("rotate", "failed")
    assert kept.kinds() == {"r8": ["signature"]}
    assert "says that its run has ended, but it is not signed" in str(kept.told()["r8"])
    assert kept.audited() == verifier.EXIT_CODES["signature"][0]
    shutil.rmtree(kept.folder / "r8")
    assert kept.audited() == verifier.NOT_CHECKED["unchecked"][0]


def test_a_run_that_was_refused_before_the_store_had_a_key_is_not_called_planted(kept, monkeypatch):
    with monkeypatch.context() as then:
        then.setattr(f"{Record.__module__}.now", lambda: "2020-01-01T00:00:00Z")
        record = Record(str(kept.folder), "r0")
        record.append("rotate", "intent")
        record.append("rotate", "failed", versions=[])
    assert kept.kinds() == {}
    assert kept.audited() == verifier.NOT_CHECKED["unchecked"][0], "it is not signed, and that is said"


def test_a_record_of_another_control_node_is_not_called_missing(two_nodes, tmp_path, capsys):
    assert chain.Head.read(two_nodes.anchor).host == "b.example.org"
    assert two_nodes.kinds() == {}
    told = two_nodes.told()
    assert [note.kind for note in told["r3"].notes] == ["elsewhere"]
    assert "its record is on the control node b.example.org: it is not in " in str(told["r3"])
    assert [note.kind for note in told["r2"].notes] == ["unchecked"], "a cut of its end shows in r3 alone"
    assert two_nodes.audited() == verifier.NOT_CHECKED["elsewhere"][0]
    assert two_nodes.audited(others=(tmp_path / "other",)) == 0, "with both folders all is there"


def test_seen_from_the_other_control_node_the_first_one_s_is_elsewhere(two_nodes, tmp_path, monkeypatch):
    first = chain.Head.read(json.loads((tmp_path / "other/r3/record.jsonl").read_text().splitlines()[0])["follows"])
    monkeypatch.setattr(socket, "gethostname", lambda: "b.example.org")
    given = {"anchor": two_nodes.anchor, "key": sshsig.public(two_nodes.key)}
    found = {each.rotation_id: each for each in verifier.check([str(tmp_path / "other")], **given)}
    assert [note.kind for note in found["r2"].notes] == ["elsewhere"]
    assert first.host in str(found["r2"])
    assert found["r3"].problems == []


def test_a_head_of_the_other_control_node_s_record_makes_none_of_ours_old(kept, tmp_path, monkeypatch):
    """Rotation r2 went on there for one line, after r3 here has followed its second line here."""
    record = Record(str(kept.folder), "r3")
    record.append("rotate", "intent", follows=kept.anchor)
    record.sign(kept.key)
    monkeypatch.setattr(socket, "gethostname", lambda: "b.example.org")
    record = Record(str(tmp_path / "other"), "r2")
    record.append("rollback", "intent")
    kept.anchor = str(record.sign(kept.key))
    monkeypatch.undo()
    assert kept.kinds() == {}


@pytest.mark.parametrize("gone", ["records/r2", "other/r3"])
def test_what_is_gone_is_missed_where_the_others_of_its_control_node_are(two_nodes, tmp_path, gone):
    """Whoever looks, and from whatever machine."""
    with_name = tmp_path / "other/r0"
    shutil.copytree(tmp_path / "other/r3", with_name)
    shutil.rmtree(tmp_path / gone)
    given = {"anchor": two_nodes.anchor, "key": sshsig.public(two_nodes.key)}
    places = [str(two_nodes.folder), str(tmp_path / "other")]
    found = {each.rotation_id: each for each in verifier.check(places, **given)}
    assert [problem.kind for problem in found[gone[-2:]].problems] == ["cut"]


def test_one_rotation_may_have_a_record_on_two_control_nodes(kept, tmp_path, monkeypatch):
    """It went on on the other one: the head of that is none of this record."""
    monkeypatch.setattr(socket, "gethostname", lambda: "b.example.org")
    record = Record(str(tmp_path / "other"), "r2")
    for number in range(3):
        record.append("rotate", "intent", resumed=True, number=number, follows=kept.anchor)
    kept.anchor = str(record.sign(kept.key))
    monkeypatch.undo()
    assert kept.kinds() == {}
    found = verifier.check([str(kept.folder)], anchor=kept.anchor, key=sshsig.public(kept.key))
    notes = [(each.rotation_id, note.kind) for each in found for note in each.notes]
    assert notes == [("r2", "unchecked"), ("r2", "elsewhere")]
    assert kept.audited(others=(tmp_path / "other",)) == 0


def test_an_older_copy_is_called_one(kept, tmp_path):
    shutil.copytree(kept.folder / "r2", tmp_path / "copy")
    kept.go_on()
    shutil.rmtree(kept.folder / "r2")
    shutil.copytree(tmp_path / "copy", kept.folder / "r2")
    assert kept.kinds() == {"r2": ["older"]}
    told = "it is an older copy, intact and signed up to line 2, but the anchor has seen line 4"
    assert told in str(kept.told()["r2"])
    assert kept.audited() == verifier.EXIT_CODES["older"][0]


def test_if_all_records_are_gone_the_newest_is_missed(kept):
    """On the control node that wrote it; elsewhere nobody can tell."""
    shutil.rmtree(kept.folder)
    assert kept.kinds() == {"r2": ["cut"]}


def test_a_run_that_began_and_was_not_signed_makes_no_head_old(kept):
    Record(str(kept.folder), "r3").append("rotate", "intent", follows=kept.anchor)
    assert kept.kinds() == {}
    told = kept.told()["r3"]
    assert [note.kind for note in told.notes] == ["unchecked", "open"]
    assert "it is not signed" in str(told)


@pytest.mark.parametrize("words", [3, 4])
@pytest.mark.parametrize("back_to", ["the record before", "the same record"])
def test_a_head_that_was_set_back_is_found(kept, back_to, words):
    """Also one of syslog, which names no control node."""
    head = {"the record before": str(json.loads(kept.lines("r2")[0])["follows"]), "the same record": kept.anchor}
    kept.go_on()
    kept.anchor = " ".join(head[back_to].split()[:words])
    assert kept.kinds() == {"r2": ["stale"]}
    assert "was signed after it" in str(kept.told()["r2"])
    assert kept.audited() == verifier.EXIT_CODES["stale"][0]


def test_a_rotation_that_is_rolled_back_after_a_later_one_leaves_no_head_behind(kept):
    """The head goes back from r2 to r1, to a line that is newer than the one that r2 has seen."""
    record = Record(str(kept.folder), "r1")
    record.append("rollback", "intent", follows=kept.anchor)
    kept.anchor = str(record.sign(kept.key))
    assert kept.kinds() == {}
    assert kept.audited() == 0


def test_a_page_is_held_against_what_it_was_when_it_was_made(paged):
    assert paged.kinds() == {}
    assert "its page has no recorded checksum" in str(paged.told()["r1"]), "it is of an earlier version"
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", page_checksums.SUMS], cwd=paged.folder, check=True)
    argv = ["ssh-keygen", "-Y", "verify", "-f", "r2/record_signers", "-I", SIGNER, "-n", page_checksums.NAMESPACE]
    with open(paged.folder / page_checksums.SUMS, "rb") as sums:
        subprocess.run(
            [*argv, "-s", page_checksums.SIGNATURE], stdin=sums, cwd=paged.folder, check=True, capture_output=True
        )
    assert page_checksums.note(str(paged.folder), ["r1"], paged.key)
    assert (paged.kinds(), paged.audited()) == ({}, 0)


@pytest.mark.parametrize(
    ("tamper", "rotation_id", "said"),
    [
        (lambda kept: kept.path("r2", "report.html").write_text("all is well"), "r2", "report.html was changed"),
        (lambda kept: kept.path("r2", "reminders.ics").unlink(), "r2", "its page r2/reminders.ics is missing"),
        (lambda kept: (kept.folder / "index.html").write_text(""), page_checksums.SUMS, "index.html was changed"),
        (
            lambda kept: (kept.folder / page_checksums.SUMS).write_text(""),
            page_checksums.SUMS,
            "was changed after it was signed",
        ),
        (
            lambda kept: (kept.folder / page_checksums.SIGNATURE).unlink(),
            page_checksums.SUMS,
            "was changed after it was signed",
        ),
        (lambda kept: (kept.folder / page_checksums.SUMS).unlink(), "r2", "has no checksum of its page"),
        (
            lambda kept: page_checksums.note(str(kept.folder), ["r2"], sshsig.new_key()),
            page_checksums.SUMS,
            "an unknown key",
        ),
    ],
)
def test_a_page_that_was_changed_or_is_missing_is_named(paged, tamper, rotation_id, said):
    tamper(paged)
    assert set().union(*paged.kinds().values()) == {"page"}
    assert said in str(paged.told()[rotation_id])
    assert paged.audited() == verifier.EXIT_CODES["page"][0]


def test_a_page_that_no_run_has_made_is_named_and_is_no_problem(paged):
    paged.path("r2", "final.html").write_text("all is well")
    assert paged.kinds() == {}
    assert "r2/final.html is a page that was not written by any run" in str(paged.told()[page_checksums.SUMS])
    assert paged.audited() == verifier.NOT_CHECKED["unchecked"][0]


@pytest.mark.parametrize("name", ["report.html", "2026-final/report.html"])
def test_a_page_of_the_name_of_ours_next_to_no_record_is_named_too(paged, name):
    made = paged.folder / name
    made.parent.mkdir(exist_ok=True)
    made.write_text("all is well")
    assert f"{name} is a page that was not written by any run" in str(paged.told()[page_checksums.SUMS])


def test_pages_of_before_the_last_run_are_not_put_back_with_the_sums_of_then(paged):
    before = {
        path: path.read_bytes()
        for path in paged.folder.rglob("*")
        if path.name in (*page_checksums.PAGES, "index.html")
    }
    before |= {
        paged.folder / name: (paged.folder / name).read_bytes()
        for name in (page_checksums.SUMS, page_checksums.SIGNATURE)
    }
    record = Record(str(paged.folder), "r2")
    record.append("rollback", "done")
    paged.anchor = str(record.sign(paged.key))
    assert paged.kinds() == {"r2": ["page"]}, "a run that was killed before it made the page"
    paged.path("r2", "report.html").write_text("rolled back")
    assert page_checksums.note(str(paged.folder), ["r2"], paged.key)
    assert paged.kinds() == {}
    record.append("notification", "done")
    paged.anchor = str(record.sign(paged.key))
    assert paged.kinds() == {}, "what comes after the end is on no page"
    for path, content in before.items():
        path.write_bytes(content)
    assert paged.kinds() == {"r2": ["page"]}
    assert "its page is older than the end of its last run" in str(paged.told()["r2"])


def test_a_record_that_was_emptied_is_cut(kept):
    record = Record(str(kept.folder), "refused")
    for _ in range(3):
        record.append("attempt", "failed")
    assert "refused" not in kept.kinds()
    kept.path("refused", "record.jsonl").write_text("")
    assert kept.kinds()["refused"] == ["cut"]


def test_sums_that_another_has_signed_are_not_signed_over(paged):
    paged.path("r2", "report.html").write_text("all is well")
    page_checksums.note(str(paged.folder), ["r2"], sshsig.new_key())
    assert page_checksums.note(str(paged.folder), ["r1"], paged.key) is False
    assert paged.kinds() == {"r2": ["page"]}


PLAN = "5e" * 32
APPROVAL = approval.Approval(PLAN, "demo", "ada@example.org", "2026-01-02T03:04:05Z")


def approved(kept: Kept, found: dict[str, str]) -> verifier.VerifiedRecord:
    """A signed record of a rotation that began with this approval."""
    record = Record(str(kept.folder), "r3")
    record.append("rotate", "intent", approval=found, follows=kept.anchor)
    kept.anchor = str(record.sign(kept.key))
    return kept.told()["r3"]


def test_who_approved_is_checked_again_from_the_record_alone(kept, evidence):
    """Also when the key that was allowed then is not anymore."""
    told = approved(kept, evidence["ada"])
    assert told.problems == []
    assert f"the approval by ada@example.org in line 1 is signed by {evidence['ada']['fingerprint']}" in str(told)
    assert kept.audited() == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda ada, eve: {**ada, "principal": "eve@example.org"},
        lambda ada, eve: {**ada, "plan_hash": "77" * 32},
        lambda ada, eve: {**ada, "time": "2026-01-02T03:04:06Z"},
        lambda ada, eve: {**ada, "text": ada["text"].replace(PLAN, "77" * 32), "plan_hash": "77" * 32},
        lambda ada, eve: {**ada, "signature": eve["signature"]},
        lambda ada, eve: {**ada, "signature": ""},
        lambda ada, eve: {**ada, "allowed_signers": eve["allowed_signers"]},
        lambda ada, eve: {**ada, "allowed_signers": ada["allowed_signers"].replace("20260301", "20260101")},
        lambda ada, eve: {**ada, "fingerprint": eve["fingerprint"]},
        lambda ada, eve: {name: value for name, value in ada.items() if name != "signature"},
    ],
)
def test_an_approval_that_its_evidence_does_not_bear_out_is_found(kept, evidence, change):
    told = approved(kept, change(evidence["ada"], evidence["eve"]))
    assert [problem.kind for problem in told.problems] == ["approval"]
    assert kept.audited() == verifier.EXIT_CODES["approval"][0]


def test_an_approval_without_evidence_or_of_no_beginning_is_found(kept, evidence):
    bare = {name: evidence["ada"][name] for name in ("plan_hash", "principal", "environment", "time")}
    assert [problem.kind for problem in approved(kept, bare).problems] == ["approval"]
    shutil.rmtree(kept.folder / "r3")
    record = Record(str(kept.folder), "r3")
    record.append("rotate", "intent", require_approval=True)
    record.append("notification", "done", approval=evidence["ada"])
    record.sign(kept.key)
    found = [problem.found for problem in kept.told()["r3"].problems if problem.kind == "approval"]
    assert found == [
        "the approval by nobody in line 1 has no signature next to it",
        "the approval by ada@example.org in line 2 is not valid: that line does not start a rotation",
    ]


def test_an_approval_without_ssh_keygen_or_of_an_earlier_version_is_not_checked(kept, evidence, monkeypatch):
    monkeypatch.setenv("PATH", "")
    told = approved(kept, evidence["ada"])
    assert (told.problems, "in line 1 was not checked: ssh-keygen is not installed here" in str(told)) == ([], True)
    (kept.folder / "r0").mkdir()
    (kept.folder / "r0/record.jsonl").write_text(
        '{"approval": {"principal": "ada"}, "event": "rotate", "phase": "intent"}\n'
    )
    assert "the approval by ada in line 1 was recorded without its signature" in str(kept.told()["r0"])


def test_each_line_is_read_and_each_signature_tried_once(kept, monkeypatch):
    """However long a record is, it is gone through once."""
    read, tried = [], []
    really_read, really_tried = chain.read, sshsig.signer_of
    monkeypatch.setattr(chain, "read", lambda raw: read.append(raw) or really_read(raw))
    monkeypatch.setattr(sshsig, "signer_of", lambda *given: tried.append(given) or really_tried(*given))
    kept.told()
    assert (len(read), len(tried)) == (4, 2)


def test_a_record_that_somebody_made_up_is_found_though_no_head_knows_it(kept):
    made = Record(str(kept.folder), "r9")
    for phase in ("intent", "done"):
        made.append("rotate", phase)
    assert kept.kinds() == {"r9": ["signature"]}
    assert kept.exit_code("--anchor", kept.anchor, "--key", sshsig.public(kept.key)) == 6


def test_a_chain_that_was_taken_off_does_not_pass_for_an_earlier_version(kept):
    bare = [{**json.loads(line), "hash": None} for line in kept.lines("r2")]
    kept.write("r2", [json.dumps({k: v for k, v in line.items() if v}) + "\n" for line in bare])
    assert "rewritten" in kept.kinds()["r2"]


def test_a_folder_that_has_or_shows_no_record_is_said(tmp_path, capsys):
    assert verifier.main([str(tmp_path / "none")]) == 7
    os.makedirs(tmp_path / "records/r1/record.jsonl")
    assert verifier.main([str(tmp_path / "records")]) == 7
    with pytest.raises(SystemExit) as ended:
        verifier.main([str(tmp_path), "--anchor", "no head"])
    assert ended.value.code == 2


def test_the_command_that_the_documentation_prints_for_an_auditor_works_without_ansible(kept, tmp_path):
    collection = Path(verifier.__file__).parents[3]
    (printed,) = re.findall(r"^PYTHONPATH=.*verifier .*$", (collection / "docs/records.md").read_text(), re.MULTILINE)
    asked = {"COLLECTION": str(collection), "RECORDS": str(kept.folder), "ID LINE HASH NODE": kept.anchor}
    for name, value in {**asked, "ssh-ed25519 ...": sshsig.public(kept.key), "python3": sys.executable}.items():
        assert name in printed, name
        printed = printed.replace(name, value)
    known = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(["sh", "-c", printed], cwd=tmp_path, env=known, capture_output=True, text=True, check=False)
    assert (ran.returncode, "intact" in ran.stdout) == (0, True), ran.stderr
