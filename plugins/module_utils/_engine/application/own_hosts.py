# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host names of an application. No other service creates the random part of such a URL."""

from __future__ import annotations

ANY = "*"


def own_hosts() -> set[str]:
    """Return the hosts of the settings, those with a dot in front for all below them. Empty if they name none."""
    from django.conf import settings

    origins = (origin.partition("://")[2].partition(":")[0] for origin in settings.CSRF_TRUSTED_ORIGINS)
    hosts = {host.lower().removeprefix(ANY) for host in (*settings.ALLOWED_HOSTS, *origins)}
    return hosts - {""}


def is_own(host: str, hosts: set[str]) -> bool:
    """Return whether a host is one of ``hosts``, as Django compares them."""
    host = host.lower()
    return any(host == own.removeprefix(".") or (own[0] == "." and host.endswith(own)) for own in hosts)
