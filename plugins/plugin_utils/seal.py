# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a record: signed under the store's key, its head kept in the store."""

from __future__ import annotations

from ..module_utils.record import Record
from ..module_utils.stores.store import Store


def seal(record: Record, store: Store) -> None:
    """Sign the record under the store's key, and keep its head in the store."""
    store.set_anchor(str(record.sign(store.signing_key())))


def follows(store: Store) -> dict[str, str]:
    """The head that the store has: a line of ours holds it too, before it is replaced by another."""
    head = store.anchor()
    return {"follows": head} if head else {}
