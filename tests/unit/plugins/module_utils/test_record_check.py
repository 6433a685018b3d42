# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils import chain, record_check, sshsig
from ansible_collections.tetech.key_rotation.plugins.module_utils.record import NAMESPACE, SIGNER, Record


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
        found = record_check.check(str(self.folder), anchor=self.anchor, key=sshsig.public(self.key))
        return {each.rotation_id: [problem.kind for problem in each.problems] for each in found if each.problems}

    def exit_code(self, *options: str) -> int:
        return record_check.main([str(self.folder), *options])


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "records")


def test_records_that_nobody_touched_are_whole(kept, capsys):
    assert kept.kinds() == {}
    assert kept.exit_code("--anchor", kept.anchor) == 0
    assert capsys.readouterr().out.splitlines() == [
        "r1: whole, 2 lines, 2 of them signed",
        "r2: whole, 2 lines, 2 of them signed",
    ]


def test_what_a_run_that_goes_on_has_written_is_not_signed_yet(kept, capsys):
    go_on("rollback", "intent")(kept)
    assert kept.kinds() == {}
    kept.exit_code("--anchor", kept.anchor)
    assert "r2: whole, 3 lines, 2 of them signed, the rest by nobody yet" in capsys.readouterr().out


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
    assert kept.exit_code("--anchor", kept.anchor) == record_check.EXIT_CODES["signature"]


def test_the_steps_of_a_run_that_goes_on_are_no_problem(kept):
    record = Record(str(kept.folder), "r2")
    record.append("rollback", "intent")
    record.append("django_census", "done")
    assert kept.kinds() == {}


def test_a_folder_with_another_name_is_one_problem_and_the_others_are_looked_at(kept, capsys):
    shutil.copytree(kept.folder / "r1", kept.folder / "r1 (copy)")
    assert kept.kinds() == {"r1 (copy)": ["unreadable"]}
    assert kept.exit_code("--anchor", kept.anchor) == record_check.EXIT_CODES["unreadable"]
    assert "r2: whole" in capsys.readouterr().out


def test_without_the_package_that_signatures_need_it_says_so(kept, monkeypatch, capsys):
    monkeypatch.setattr(sshsig, "usable", lambda: False)
    assert kept.exit_code() == record_check.EXIT_CODES["unreadable"]
    assert "has no package cryptography" in capsys.readouterr().err


def test_lines_after_the_last_signature_are_no_problem(kept):
    Record(str(kept.folder), "r2").append("notification", "done")
    (_, second) = record_check.check(str(kept.folder), anchor=kept.anchor, key=sshsig.public(kept.key))
    assert (second.lines, second.signed, second.problems) == (3, 2, [])
    assert "2 of them signed, the rest by nobody yet" in str(second)


def test_a_record_of_an_earlier_version_is_told_apart(kept, capsys):
    old = kept.folder / "r0"
    old.mkdir()
    (old / "record.jsonl").write_text('{"event": "rotate", "phase": "failed", "seq": 1}\n')
    assert kept.kinds() == {}
    assert kept.exit_code("--rotation-id", "r0") == 0
    assert "earlier version" in capsys.readouterr().out
    (old / "record.jsonl").write_text('{"event": "rotate", "phase": "done", "seq": 1}\n')
    assert kept.kinds() == {"r0": ["signature"]}, "anybody could have written that"


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
    assert record_check.main([str(tmp_path / "none")]) == 7
    os.makedirs(tmp_path / "records/r1/record.jsonl")
    assert record_check.main([str(tmp_path / "records")]) == 7
    with pytest.raises(SystemExit) as ended:
        record_check.main([str(tmp_path), "--anchor", "no head"])
    assert ended.value.code == 2
