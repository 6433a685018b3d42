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
    remedy = (
        "Set O(record_dir) to a folder that you can write to and that has free space. Nothing runs without a record."
    )


class RecordNotBegun(RotationError):
    code = "E_RECORD_NOT_BEGUN"
    path: str
    direction: str
    problem = "the record {path} does not start with a {direction}"
    remedy = "Open it first (rotation_record with state: opened), or correct O(record_dir)."


class RecordGone(RotationError):
    code = "E_RECORD_GONE"
    store: str
    folder: str
    place: str
    advice: str
    head: str
    problem = "the store {store} knows a record that is not in {folder}: it was written {place}"
    remedy = (
        "{advice} On a control node that never had records, run mkdir -p {folder}. If the record cannot be recovered, "
        "write its head, '{head}', to the file {folder}/lost to continue without it. Every later verification reports "
        "it as lost."
    )


class RecordChanged(RotationError):
    code = "E_RECORD_CHANGED"
    path: str
    problems: str
    folder: str
    problem = "the record {path} was changed after it was written, and a run would sign the changed record: {problems}"
    remedy = (
        "Find out who wrote to {folder} (verify.yml --tags record), and restore an intact copy. If there is no intact "
        "copy, move the record's folder elsewhere, and run again."
    )


class RecordNotFound(RotationError):
    code = "E_NO_RECORD"
    path: str
    problem = "there is no record {path}"
    remedy = "Set O(id) to a rotation that has a record, or set O(record_dir)."


class RecordBroken(RotationError):
    code = "E_RECORD_BROKEN"
    count: int
    total: int
    problems: str
    folder: str
    problem = "{count} of {total} records were changed after they were written: {problems}"
    remedy = "Leave them unchanged, compare them with a copy and with syslog, and find out who wrote to {folder}."


class RecordUnsigned(RotationError):
    code = "E_RECORD_UNSIGNED"
    count: int
    total: int
    problems: str
    folder: str
    problem = "{count} of {total} records have unsigned lines after the signed ones: {problems}"
    remedy = (
        "If a run was killed, or could not reach the store at its end, run it again: the run first records how many "
        "lines were unsigned, and signs them at its end. Otherwise find out who wrote to {folder}, and compare the "
        "lines with syslog."
    )


class RecordPages(RotationError):
    code = "E_RECORD_PAGES"
    problems: str
    report: str
    problem = "the records are intact, but pages that were generated from them were changed: {problems}"
    remedy = (
        "Only the records are authoritative. Keep a copy of each changed page to find out who changed it, then create "
        "all pages again: {report}"
    )


class RecordOlder(RotationError):
    code = "E_RECORD_OLDER"
    problems: str
    folder: str
    store: str
    problem = "{problems}: {folder} contains an older copy than the store {store} knows"
    remedy = "Restore the newer copy, and find out who put the older one there."


class RecordElsewhere(RotationError):
    code = "E_RECORD_ELSEWHERE"
    problems: str
    node: str | None
    problem = "these records are intact, but some are missing here: {problems}"
    remedy = (
        "Mount or copy the folder of those records, and list it in O(other_record_dirs). If they are verified on the "
        "other control node, list that node in O(control_nodes). If {node} is not another control node, or is a former "
        "name of this one, the record is lost."
    )


class RecordAnchor(RotationError):
    code = "E_RECORD_ANCHOR"
    store: str
    fault: str
    problem = "the head of the records that {store} keeps {fault}"
    remedy = (
        "If a run was killed between its signature and its head, the next run writes the head. Otherwise find out who "
        "wrote to the store, or restored an older copy of it, and check the records against a head from syslog: see "
        "docs/records.md."
    )


class RecordNoKey(RotationError):
    code = "E_RECORD_NO_KEY"
    store: str
    count: int
    signers: str
    problem = "{store} has no key that signs records, but {count:record is|records are} signed, by {signers}"
    remedy = (
        "Correct O(store). If the store was replaced, or has lost the key, the next rotation lists these keys as "
        "former keys. Until then, list the public keys in O(former_signers): they are next to the records."
    )
