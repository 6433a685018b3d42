# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the application answers, asked over HTTP from its own host."""

from __future__ import annotations

import http.client
import time
import urllib.error
from typing import Any
from urllib.parse import urlsplit

from .errors import RotationError

POLL = 0.5
ENOUGH = 1 << 16  # bytes of the answer that are read, so that the server sees it taken
TIMEOUT = 10  # seconds for one answer


def wait(url: str, host: str | None, patience: float) -> dict[str, Any]:
    """The first answer of status 200 to 299, as its ``status`` and the ``seconds`` it took.

    ``host`` is sent as the Host header. Raises E_OPTION for an address with a password, and E_HEALTH after
    ``patience`` seconds.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise RotationError(
            "E_OPTION",
            name="key_rotation_health_url",
            found="is no address that begins with http:// or https:// and has no password in it",
            advice="Give one that answers without a login.",
        )
    end = time.monotonic() + patience
    while True:
        begun = time.monotonic()
        status, found = _asked(url, host)
        if 200 <= status < 300:
            return {"status": status, "seconds": round(time.monotonic() - begun, 3)}
        if time.monotonic() > end:
            shown = f"{parts.scheme}://{parts.netloc}{parts.path}"  # a query may hold a token
            raise RotationError("E_HEALTH", url=shown, found=found, seconds=f"{patience:.0f}")
        time.sleep(POLL)


def _asked(url: str, host: str | None) -> tuple[int, str]:
    """The status of one answer, or 0, and what to say of it."""
    from ansible.module_utils.urls import ConnectionError as UrlError  # of a certificate, too
    from ansible.module_utils.urls import open_url

    try:
        headers = {"Host": host} if host else None
        # Where it leads to may be another host, or a page to log in, that is well whatever this one is.
        answer = open_url(url, timeout=TIMEOUT, use_proxy=False, headers=headers, follow_redirects="none")
        answer.read(ENOUGH)
    except urllib.error.HTTPError as exc:
        return exc.code, f"status {exc.code}"
    except (OSError, http.client.HTTPException, UrlError) as exc:
        cause = getattr(exc, "reason", exc)
        return 0, f"no answer ({type(cause).__name__})"
    return answer.status, f"status {answer.status}"
