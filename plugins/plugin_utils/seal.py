# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a record: signed under the store's key, its head kept in the store."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils import chain
from ..module_utils.errors import RotationError
from ..module_utils.record import Record
from ..module_utils.stores.store import Store

display = Display()


def seal(record: Record, store: Store) -> None:
    """Sign the record under the store's key, and keep its head in the store."""
    store.set_anchor(str(record.sign(store.signing_key())))


def try_to_seal(record: Record, store: Store) -> None:
    """The same where nothing is to be undone for want of a signature: that it failed is a warning."""
    try:
        seal(record, store)
    except RotationError as exc:
        display.warning(f"The record {record.path} could not be signed and anchored. {exc}")


def goes_on_here(record: Record, store: Store) -> bool:
    """False where the rotation is in the record of another control node: it began there, or its head is in the store.

    A run that is refused since the other works is to change nothing of it; one that comes to its end seals its own.
    """
    began = [event for event in record.events() if (event["event"], event["phase"]) == ("rotate", "intent")]
    begun = any(not event.get("resumed") for event in began)
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
