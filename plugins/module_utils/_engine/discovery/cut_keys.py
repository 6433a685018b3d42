# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that the application cuts to a length that the present value does not exceed, and that a new one would.

No stored value shows such a cut: the engine would encrypt with the whole new key, and the application decrypt with a
part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from ..._errors.counts import join_first
from ..._errors.keys import KeyCut
from ..application.key_cuts import Cut
from ..crypto.key_entry import KeyEntries, KeyEntry
from ..crypto.keyring import Keyring
from ..crypto.unusable_key import sample_value
from .findings import Finding
from .target_survey import Survey

_SHOWN = 3  # places of a cut
_SIZES = (48, 36, 32, 24, 16)  # random bytes of a new value


def find(
    surveys: Sequence[Survey], keyring: Keyring, described: KeyEntries, cuts: Callable[[], Mapping[str, Sequence[Cut]]]
) -> Iterator[Finding]:
    """Yield the keys of targets that are cut. ``cuts`` returns by key where the application does that, and takes a
    while."""
    schemes: dict[str, list[str]] = {}
    for scheme in {target.scheme for survey in surveys for target in survey.targets}:
        for name in keyring.keys_of([scheme]):
            schemes.setdefault(name, []).append(scheme)
    present = next(iter(keyring.stages.values())).values
    longer = [entry for entry in described if entry["name"] in schemes and _is_longer(entry, present)]
    places = cuts() if longer else {}
    for entry in longer:
        name, own = entry["name"], len(present[entry["name"]].encode())
        new = len(sample_value(entry, present[name]) or "")
        deciding = [cut for cut in places.get(name, ()) if own <= cut.size < new]
        if deciding:
            size = min(cut.size for cut in deciding)
            uses = join_first([str(cut.use) for cut in deciding], _SHOWN)
            advice = _advice(name, present[name], size, schemes[name], keyring)
            yield Finding.of(name, KeyCut(column=name, size=size, uses=uses, present=own, new=new, advice=advice))


def _is_longer(entry: KeyEntry, present: Mapping[str, str]) -> bool:
    own = present.get(entry["name"], "")
    return bool(own) and not entry.get("keep") and len(sample_value(entry, own) or "") > len(own.encode())


def _advice(name: str, present: str, size: int, schemes: Sequence[str], keyring: Keyring) -> str:
    """Return what to do, with an entry whose values are not cut if there is one."""
    with_bytes = (KeyEntry(name=name, type=kind, bytes=number) for kind, number in product(("base64", "hex"), _SIZES))
    for entry in (KeyEntry(name=name), *with_bytes):
        value = sample_value(entry, present) or ""
        if len(value) <= size and all(keyring.can_use(scheme, {name: value}) for scheme in schemes):
            line = ", ".join(f"{member}: {shown}" for member, shown in entry.items())
            return f"Write {{{line}}} in O(keys), or let the code use the whole key."
    return "Let the code use the whole key, and deploy that before the rotation."
