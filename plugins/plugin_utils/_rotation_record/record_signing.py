# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a record when a run begins. When it ends, signs it with the store's key and puts its head into the store."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from ansible.utils.display import Display

from ...module_utils._errors.base import RotationError
from ...module_utils._errors.record import RecordChanged, RecordGone
from ...module_utils._record import chain, sshsig, verifier
from ...module_utils._record.events import ROTATE
from ...module_utils._record.writer import FILE_NAME, Record, node
from ...module_utils._stores.store_interface import Store

display = Display()
LOST = "lost"  # a file in the folder of the records


def seal(record: Record, store: Store) -> None:
    """Sign the record with the store's key, and keep its head in the store."""
    store.set_anchor(str(record.sign(store.signing_key())))


def try_to_seal(record: Record, store: Store) -> None:
    """Sign the record, but only warn if that fails: a missing signature does not justify undoing anything."""
    try:
        seal(record, store)
    except RotationError as exc:
        display.warning(f"The record {record.path} could not be signed and anchored. {exc}")


def refuse_gone(folder: str, store: Store) -> None:
    """Raise E_RECORD_GONE if the record whose head the store has, or the folder of the records, is missing.

    A mount may be missing, and a second set of records would begin. The record itself is required only on the control
    node that wrote it. A file with the head in it states that records are permanently lost; verification still reports
    them as missing.
    """
    anchor = store.anchor()
    if not anchor or _said_lost(folder, anchor):
        return
    try:
        head = chain.Head.read(anchor)
    except ValueError:  # verification reports it
        head = chain.Head("", 0, "")
    here = head.host == node()
    if (here and not os.path.isfile(os.path.join(folder, head.rotation_id, FILE_NAME))) or not os.path.isdir(folder):
        where, advice = _describe_place(head, folder, here=here)
        raise RecordGone(folder=folder, store=store.path, head=anchor, place=where, advice=advice)


def _describe_place(head: chain.Head, folder: str, *, here: bool) -> tuple[str, str]:
    """Return where a record was written, by its head, and what to do if it is not in ``folder``."""
    host = f"on this machine, {head.host}," if here else f"on {head.host}" if head.host else "on an unknown machine"
    user, _, other = head.place.partition(":")
    if not other:
        return f"{host} into an unknown folder", "Mount that folder, or correct key_rotation_record_dir."
    where = f"{host} by {user} into {other}"
    if here and other != os.path.abspath(folder):
        option = f"-e key_rotation_record_dir={shlex.quote(other)}"
        return where, f"All operators on one machine must use the same record folder: add {option}."
    return where, "Mount that folder, or correct key_rotation_record_dir."


def _said_lost(folder: str, anchor: str) -> bool:
    try:
        with open(os.path.join(folder, LOST), encoding="utf-8", errors="replace") as handle:
            return handle.read().strip() == anchor
    except OSError:
        return False


def refuse_changed(record: Record, store: Store, former: Sequence[str] = ()) -> dict[str, int]:
    """Raise E_RECORD_CHANGED if the record was changed after it was written: the next signature would cover the
    changes.

    Returns, for the first line of a run, how many lines are not signed.
    """
    folder, kept = os.path.dirname(os.path.dirname(record.path)), store.kept_signing_key()
    key = sshsig.public(kept) if kept else None
    problems, unsigned = verifier.before_going_on(
        folder, record.rotation_id, anchor=store.anchor(), key=key, former=former
    )
    if problems:
        problem_texts = "; ".join(problem.found for problem in problems)
        raise RecordChanged(path=record.path, problems=problem_texts, folder=folder)
    return {"unsigned_before": unsigned} if unsigned else {}


def goes_on_here(record: Record, store: Store) -> bool:
    """Return whether the rotation continues in this record, and not in one on another control node.

    The other one counts if the rotation began there, or if the store has its head. A run that is refused because the
    other one is active must not touch its signature. A run that completes signs its own record.
    """
    begun = any(not event.resumed for event in record.beginnings(ROTATE))
    try:
        head = chain.Head.read(store.anchor())
    except ValueError:  # the store has no head
        return begun
    if head.rotation_id != record.rotation_id:
        return begun
    return not any(chain.missing(chain.lines(record.text()), head, "the store"))


def follows(store: Store) -> dict[str, str]:
    """The head in the store, for a line of this record: it is kept there before another head replaces it."""
    head = store.anchor()
    return {"follows": head} if head else {}
