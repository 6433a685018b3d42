# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people who did or authorized something: those that the operator names, and the accounts of the system."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...module_utils._record.events import Event, LineContent

if TYPE_CHECKING:
    from ...module_utils._result_types.approval_types import Authorization, RecordedApproval


@dataclass
class Accounts:
    """The accounts that wrote events, each with the users who had logged in to get there."""

    logins: dict[str, set[str]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        if event.actor:
            self.logins.setdefault(event.sudo_user or event.actor, set()).update({event.login_user} - {""})

    def people(self, operator: Any = None) -> list[str]:
        """The people to name: the ``operator`` if one was given, otherwise every account."""
        if not operator or str(operator) in self.logins:
            named = {str(operator)}
            return [
                _person(account, set(), logins - {account} - named) for account, logins in sorted(self.logins.items())
            ]
        logins = set().union(*self.logins.values()) - {str(operator)}
        return [_person(str(operator), set(self.logins) - logins, logins)]


def _person(name: str, accounts: set[str], logins: set[str]) -> str:
    """Format a person as ``alice (as root, login bob)``: the stated name, then the accounts that the system
    recorded."""
    parts = [f"as {', '.join(sorted(accounts))}"] if accounts else []
    parts += [f"login {', '.join(sorted(logins))}"] if logins else []
    return f"{name} ({', '.join(parts)})" if parts else name


def as_plain(statement: Mapping[str, object]) -> LineContent:
    """Convert an operator's statement for the record: YAML has dates and other types that JSON lacks."""
    plain: LineContent = json.loads(
        json.dumps({name: value for name, value in statement.items() if value}, default=str)
    )
    return plain


def granted_by(approval: RecordedApproval | None, authorization: Mapping[str, str]) -> str:
    """Return who approved it, or who authorized it if nobody approved it."""
    principal = approval.get("principal") if isinstance(approval, Mapping) else None
    return str(principal or authorization.get("who") or "")


def authorization(statement: Authorization | str | None) -> dict[str, str]:
    """The authorization as text: who, the ticket, and any other field that was given."""
    if isinstance(statement, Mapping):
        return {str(name): str(value) for name, value in statement.items() if value}
    return {"who": str(statement)} if statement else {}
