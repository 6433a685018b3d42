# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ends of a record: whole when a run begins; signed under the store's key when it ends, its head in the store."""

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
    """Sign the record under the store's key, and keep its head in the store."""
    store.set_anchor(str(record.sign(store.signing_key())))


def try_to_seal(record: Record, store: Store) -> None:
    """The same where nothing is to be undone for want of a signature: that it failed is a warning."""
    try:
        seal(record, store)
    except RotationError as exc:
        display.warning(f"The record {record.path} could not be signed and anchored. {exc}")


def refuse_gone(folder: str, store: Store) -> None:
    """Raise E_RECORD_GONE where the store has seen a record, and neither the folder of the records nor, where this
    control node wrote it, that record is there: a mount may be missing, and a second one would begin next to it.

    That they are lost for good is said in a file that holds the head: verification still reports them as missing.
    """
    seen = store.anchor()
    if not seen or _said_lost(folder, seen):
        return
    try:
        head = chain.Head.read(seen)
    except ValueError:  # verifying says so
        head = chain.Head("", 0, "")
    here = head.host == node()
    if (here and not os.path.isfile(os.path.join(folder, head.rotation_id, FILE_NAME))) or not os.path.isdir(folder):
        where, advice = _describe_place(head, folder, here=here)
        raise RecordGone(folder=folder, store=store.path, head=seen, place=where, advice=advice)


def _describe_place(head: chain.Head, folder: str, *, here: bool) -> tuple[str, str]:
    """Where a record was written, as its head says, and what to do if it is not in ``folder``."""
    host = f"on this machine, {head.host}," if here else f"on {head.host}" if head.host else "on a machine not named"
    user, _, other = head.place.partition(":")
    if not other:
        return f"{host} into a folder that is not named", "Mount that folder, or correct key_rotation_record_dir."
    where = f"{host} by {user} into {other}"
    if here and other != os.path.abspath(folder):
        option = f"-e key_rotation_record_dir={shlex.quote(other)}"
        return where, f"Two who rotate on one machine keep one folder of records: add {option}, with rights to it."
    return where, "Mount that folder, or correct key_rotation_record_dir."


def _said_lost(folder: str, seen: str) -> bool:
    try:
        with open(os.path.join(folder, LOST), encoding="utf-8", errors="replace") as handle:
            return handle.read().strip() == seen
    except OSError:
        return False


def refuse_changed(record: Record, store: Store, former: Sequence[str] = ()) -> dict[str, int]:
    """Raise E_RECORD_CHANGED where the record is not as it was written: the next signature would cover what another has
    made of it. For the first line of a run, how many lines it found that nobody has signed."""
    folder, kept = os.path.dirname(os.path.dirname(record.path)), store.kept_signing_key()
    key = sshsig.public(kept) if kept else None
    problems, unsigned = verifier.before_going_on(
        folder, record.rotation_id, anchor=store.anchor(), key=key, former=former
    )
    if problems:
        found = "; ".join(problem.found for problem in problems)
        raise RecordChanged(path=record.path, found=found, folder=folder)
    return {"unsigned_before": unsigned} if unsigned else {}


def goes_on_here(record: Record, store: Store) -> bool:
    """False where the rotation is in the record of another control node: it began there, or its head is in the store.

    A run that is refused since the other works is to change nothing of it; one that comes to its end seals its own.
    """
    begun = any(not event.resumed for event in record.beginnings(ROTATE))
    try:
        head = chain.Head.read(store.anchor())
    except ValueError:  # there is none
        return begun
    if head.rotation_id != record.rotation_id:
        return begun
    return not any(chain.missing(chain.lines(record.text()), head, "the store"))


def follows(store: Store) -> dict[str, str]:
    """The head that the store has: a line of ours holds it too, before it is replaced by another."""
    head = store.anchor()
    return {"follows": head} if head else {}
