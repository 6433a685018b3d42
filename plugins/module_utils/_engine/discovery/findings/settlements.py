# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settlements: what a person decided about a column or a value that the engine cannot account for by itself.

The option ``settlements`` maps ``table.column``, or ``table.column:primary key`` of a value that is left alone, to one
decision with its reason. The plan, its hash and the record keep them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from ...._errors.options import InvalidSettlement

NOT_OURS = "not_ours"  # it is under none of the keys that are rotated
UNREADABLE = "unreadable"  # it will be unreadable after the rotation, and that is accepted
ONE_LAYER = "one_layer"  # each token inside another one is there by accident, and both become one token
TWO_LAYERS = "two_layers"  # the application encrypts twice by design, and both layers are rotated
MIXED = "mixed"  # plain text next to tokens is normal in this column: it stays, and the tokens are rotated
UNUSED_KEY_ID = "unused_key_id"  # the application does not read an ID that is computed from a key: it stays as it is
URLSAFE = "urlsafe"  # the application also reads - and _ for the + and / of its tokens, and they are written so
BY_COMMAND = "by_command"  # the application's own command recreates the whole column
NOT_A_KEY = "not_a_key"  # of a variable or a setting: nothing encrypts with it, though it has the value of a key
DECISIONS = (NOT_OURS, UNREADABLE, BY_COMMAND)
# Why a format cannot tell plain text from a token.
UNAUTHENTICATED = "without authentication, which cannot tell plain text from a token"
UNMARKED = (
    "whose tokens have no fixed prefix, so plain text cannot be distinguished from a token of another key. Encrypt the "
    "plain text through the application, or list each value in O(leave_alone)"
)
# Decisions about the values of a target, or next to one, by which nothing else is accounted for.
OF_TARGETS = (ONE_LAYER, TWO_LAYERS, MIXED, UNUSED_KEY_ID, URLSAFE)


@dataclass(frozen=True)
class Settlement:
    """One decision. ``name`` is a column, or one value of it, as the plan and the errors name them."""

    name: str
    decision: str
    reason: str

    def as_planned(self) -> dict[str, str]:
        """The settlement for the plan, which names every entry by its ``column``, and for the record."""
        described = asdict(self)
        return {"column": described.pop("name"), **described}


Settlements = Mapping[str, Settlement]
NONE: Settlements = MappingProxyType({})


def parse(described: object) -> dict[str, Settlement]:
    """Return the settlements by name. Raise E_SETTLEMENT if one is invalid."""
    if not isinstance(described, Mapping):
        raise InvalidSettlement(name="(all)", fault="is not a mapping by table.column")
    return {str(name): _settlement(str(name), decided) for name, decided in described.items()}


def _settlement(name: str, decided: object) -> Settlement:
    known = (*DECISIONS, *OF_TARGETS, NOT_A_KEY)
    if not isinstance(decided, Mapping) or len(decided) != 1 or next(iter(decided)) not in known:
        raise InvalidSettlement(name=name, fault=f"is not one of {', '.join(known)} with its reason")
    ((decision, reason),) = decided.items()
    if decision in OF_TARGETS and ":" in name:
        raise InvalidSettlement(name=name, fault=f"is a value, and {decision} is decided of a column")
    if not isinstance(reason, str) or not reason.strip():
        raise InvalidSettlement(name=name, fault=f"has no reason for {decision}")
    return Settlement(name, decision, " ".join(reason.split()))


def refuse_untold(settled: Settlements, columns: Mapping[str, str]) -> None:
    """Raise E_SETTLEMENT if one of ``columns`` is settled as mixed: their formats cannot tell plain text from a token.

    Each column has the reason for that, UNAUTHENTICATED or UNMARKED.
    """
    for name, reason in sorted(columns.items()):
        if name in settled and settled[name].decision == MIXED:
            raise InvalidSettlement(name=name, fault=f"cannot be {MIXED}: it is in a format {reason}")


def refuse_without_command(settled: Settlements, named: bool) -> None:
    """Raise E_SETTLEMENT for a column that a command must recreate, unless a command is ``named``."""
    for name, settlement in settled.items():
        if settlement.decision == BY_COMMAND and not named:
            raise InvalidSettlement(name=name, fault=f"is {BY_COMMAND}, and no command of O(command) will run")


def refuse_without_place(settled: Settlements, columns: Iterable[str], leave_alone: Collection[str]) -> None:
    """Raise E_SETTLEMENT for a settlement that is neither for one of ``columns`` nor for a value in ``leave_alone``."""
    for name in sorted({*settled}.difference(columns, leave_alone)):
        fault = "is not in O(leave_alone)" if ":" in name else "is not a column of the application"
        raise InvalidSettlement(name=name, fault=fault)
