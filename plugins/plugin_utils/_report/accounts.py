# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who did something, and who authorized it: what an operator says, and what the system says of the accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._record.events import Event


@dataclass
class Accounts:
    """The accounts that wrote events, each with the users who had logged in to get there."""

    logins: dict[str, set[str]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        if event.actor:
            self.logins.setdefault(event.sudo_user or event.actor, set()).update({event.login_user} - {""})

    def people(self, operator: Any = None) -> list[str]:
        """The ``operator``, if one was named, and otherwise every account."""
        if not operator or str(operator) in self.logins:
            named = {str(operator)}
            return [
                _person(account, set(), logins - {account} - named) for account, logins in sorted(self.logins.items())
            ]
        logins = set().union(*self.logins.values()) - {str(operator)}
        return [_person(str(operator), set(self.logins) - logins, logins)]


def _person(name: str, accounts: set[str], logins: set[str]) -> str:
    """``alice (as root, login bob)``: who it is said to be, and what the system says."""
    parts = [f"as {', '.join(sorted(accounts))}"] if accounts else []
    parts += [f"login {', '.join(sorted(logins))}"] if logins else []
    return f"{name} ({', '.join(parts)})" if parts else name


def as_plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """What an operator says, for a record: YAML knows dates and the like, a line of JSON does not."""
    plain: dict[str, Any] = json.loads(json.dumps({name: value for name, value in found.items() if value}, default=str))
    return plain


def granted_by(approval: Any, authorization: Mapping[str, str]) -> str:
    """Who approved it, or who authorized it if nobody approved it."""
    principal = approval.get("principal") if isinstance(approval, Mapping) else None
    return str(principal or authorization.get("who") or "")


def authorization(found: Any) -> dict[str, str]:
    """Who and ticket, and whatever else was given, as text."""
    if isinstance(found, Mapping):
        return {str(name): str(value) for name, value in found.items() if value}
    return {"who": str(found)} if found else {}
