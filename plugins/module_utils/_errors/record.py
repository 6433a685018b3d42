# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record: writing, signing and verifying it."""

from __future__ import annotations

from .base import RotationError


class RecordWrite(RotationError):
    code = "E_RECORD_WRITE"
    path: str
    reason: str | None
    problem = "the record {path} cannot be written: {reason}"
    remedy = "Set O(record_dir) to a folder that you may write and that has room. No record, no act."


class RecordNotBegun(RotationError):
    code = "E_RECORD_NOT_BEGUN"
    path: str
    direction: str
    problem = "the record {path} has no beginning of a {direction}"
    remedy = "Open it first (rotation_record with state: opened), or correct O(record_dir)."


class RecordGone(RotationError):
    code = "E_RECORD_GONE"
    store: str
    folder: str
    place: str
    advice: str
    head: str
    problem = "the record that the store {store} has seen is not in {folder}: it was written {place}"
    remedy = (
        "{advice} On a control node that has never had any: mkdir -p {folder}. If it is lost for good, continue "
        "without it: put its head, '{head}', into the file {folder}/lost. Every later verification reports it as "
        "lost."
    )


class RecordChanged(RotationError):
    code = "E_RECORD_CHANGED"
    path: str
    found: str
    folder: str
    problem = "the record {path} is not as it was written, and a run would sign it so: {found}"
    remedy = (
        "Find out who wrote to {folder} (verify.yml --tags record), and restore an intact copy. If there is none, "
        "move its folder elsewhere, and run again."
    )


class RecordNotFound(RotationError):
    code = "E_NO_RECORD"
    path: str
    problem = "there is no record {path}"
    remedy = "Name a rotation that has one with O(id), or set O(record_dir)."


class RecordBroken(RotationError):
    code = "E_RECORD_BROKEN"
    count: int
    total: int
    found: str
    folder: str
    problem = "{count} of {total} records are not as they were written: {found}"
    remedy = "Keep them as they are, compare them with a copy and with syslog, and find out who wrote to {folder}."


class RecordUnsigned(RotationError):
    code = "E_RECORD_UNSIGNED"
    count: int
    total: int
    found: str
    folder: str
    problem = "lines after the signed end of {count} of {total} records are not signed: {found}"
    remedy = (
        "If a run was killed, or could not reach the store at its end, run it again: its first line says how many "
        "lines were unsigned, and its end signs them. Otherwise find out who wrote to {folder}, and compare with "
        "syslog."
    )


class RecordPages(RotationError):
    code = "E_RECORD_PAGES"
    found: str
    report: str
    problem = "the records are intact, and pages that were made from them were changed: {found}"
    remedy = (
        "The records are what counts. Keep such a page to find out who changed it, then create all pages again: "
        "{report}"
    )


class RecordOlder(RotationError):
    code = "E_RECORD_OLDER"
    found: str
    folder: str
    store: str
    problem = "{found}: {folder} holds an older copy of what the store {store} has seen"
    remedy = "Restore the newer one, or find out who has put the older one there."


class RecordElsewhere(RotationError):
    code = "E_RECORD_ELSEWHERE"
    found: str
    node: str | None
    problem = "what is here is whole, and not all is here: {found}"
    remedy = (
        "Name the folder of its records, mounted or copied here, in O(other_record_dirs); or, if they are "
        "verified there, the control node in O(control_nodes). If {node} is not another control node, or "
        "is a former name of this one, that record is gone."
    )


class RecordAnchor(RotationError):
    code = "E_RECORD_ANCHOR"
    store: str
    found: str
    problem = "the head of the records that {store} keeps {found}"
    remedy = (
        "Find out who wrote to the store, or has restored an older copy of it, and check the records with a head "
        "from syslog: see docs/records.md. The end of the next run puts a new head there."
    )


class RecordNoKey(RotationError):
    code = "E_RECORD_NO_KEY"
    store: str
    count: int
    signers: str
    problem = "{store} holds no key that signs records, and {count:record is|records are} signed, by {signers}"
    remedy = (
        "Correct O(store). If it was changed, or has lost the key, the next rotation lists these as former "
        "keys. Until then, name the public keys, which are next to the records, in O(former_signers)."
    )
