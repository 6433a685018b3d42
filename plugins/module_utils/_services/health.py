# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask over HTTP, from its own host, whether the application answers."""

from __future__ import annotations

import functools
import http.client
import os
import queue
import re
import socket
import threading
import time
import urllib.error
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from .._errors.option_names import variable_of
from .._errors.options import InvalidOption
from .._errors.services import HealthCheckFailed

POLL = 0.5
ENOUGH = 1 << 16  # bytes of the answer that are read, so that the server sees it taken
_NAME = re.compile(r"[!#$%&'*+.^`|~\w-]+", re.ASCII)  # a token of RFC 9110
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HOST = re.compile(r"[!-~]+")
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class HealthCheck:
    """The request. ``host`` is sent as the Host header, together with ``headers``, which may hold a secret.

    ``ca_file`` has the certificates to trust. Each answer has ``answer_patience`` seconds.
    """

    url: str
    host: str | None = None
    headers: Mapping[str, object] = field(default_factory=dict, repr=False)
    ca_file: str | None = None
    answer_patience: float = 10


class Answer(NamedTuple):
    status: int
    seconds: float  # it took


def wait(check: HealthCheck, patience: float) -> Answer:
    """Return the first answer of status 200 to 299. Raise E_HEALTH after ``patience`` seconds. An endless answer is a
    failure.

    Raise E_OPTION for an invalid address or one with a password, for headers that HTTP cannot carry, and for a missing
    file.
    """
    address = fit_url(check.url)
    sent = fit(check.headers, check.host)
    refuse_ca_file(check.ca_file)
    end = time.monotonic() + patience
    while True:
        begun = time.monotonic()
        status, reason = _request(address, sent, check.ca_file, check.answer_patience)
        if 200 <= status < 300:
            return Answer(status, round(time.monotonic() - begun, 3))
        if time.monotonic() > end:
            raise HealthCheckFailed(url=without_query(check.url), reason=reason, seconds=f"{patience:.0f}")
        time.sleep(POLL)


def fit_url(url: str) -> str:
    """Return the address as HTTP carries it. A name or path in another script is encoded (RFC 3987, section 3.1).

    Raise E_OPTION if it is not an address, or has a user or password.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        netloc = parts.netloc.encode("idna").decode("ascii")
    except ValueError:
        good = False
    if not good or _NOT_IN_ADDRESS.search(url):
        raise InvalidOption(
            option="health_url",
            fault="is not an http:// or https:// address without a password",
            advice=(
                "Write it as http://host:port/path. Use one that answers without a login, or send the credentials with "
                "O(health_headers)."
            ),
        )
    path, query = (re.sub(r"[^!-~]+", lambda match: quote(match[0]), part) for part in (parts.path, parts.query))
    return parts._replace(netloc=netloc, path=path, query=query, fragment="").geturl()


def without_query(url: str) -> str:
    """The address without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def refuse_ca_file(path: str | None) -> None:
    """Raise E_OPTION for one that is not there."""
    if path and not os.path.isfile(path):
        fault = f"is {path}, but there is no such file on this host"
        raise InvalidOption(option="health_ca_file", fault=fault, advice="Correct it.")


def fit(headers: Mapping[str, object], host: str | None) -> dict[str, str]:
    """Return the headers to send. Raise E_OPTION for what HTTP cannot carry.

    The error names only the position of a header, since someone may have written the value as its name.
    """
    if host and not _HOST.fullmatch(host):
        advice = "Set only the name, on one line and in ASCII, as it is in ALLOWED_HOSTS."
        raise InvalidOption(option="health_host", fault="is not a host name", advice=advice)
    sent = {str(name): str(value) for name, value in headers.items()}
    for number, (name, value) in enumerate(sent.items(), 1):
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidOption(
                option="health_headers",
                fault=f"has an invalid HTTP header, number {number}",
                advice="Write each as NAME: VALUE, on one line.",
            )
    return {**sent, **({"Host": host} if host else {})}


def _request(url: str, headers: dict[str, str], ca_file: str | None, patience: float) -> tuple[int, str]:
    """Return the status of one answer, or 0, and a text about it."""
    from .._system import ansible_payload

    with ansible_payload.in_place():
        from ansible.module_utils.urls import ConnectionError as UrlError  # of a certificate, too
        from ansible.module_utils.urls import open_url

    # A redirect may lead to another host or a login page, which may answer even if this application does not.
    opened = functools.partial(
        open_url, url, timeout=patience, use_proxy=False, headers=headers, ca_path=ca_file, follow_redirects="none"
    )
    try:
        status = read_whole(opened, ENOUGH, patience)
    except urllib.error.HTTPError as exc:
        return exc.code, f"status {exc.code}"
    except (OSError, EOFError, zlib.error, http.client.HTTPException, UrlError) as exc:  # some zip unasked
        cause = getattr(exc, "reason", exc)
        if isinstance(cause, (TimeoutError, socket.timeout)):  # two of them before Python 3.10
            longer = f"raise {variable_of('health_answer_timeout')} to wait longer"
            return 0, f"no complete answer within {patience:g} seconds; {longer}"
        return 0, f"no answer ({type(cause).__name__})"
    return status, f"status {status}"


def read_whole(opened: Callable[[], Any], most: int, seconds: float) -> int:
    """Return the status of an answer after reading all of it, or ``most`` bytes, within ``seconds``.

    A socket's own timeout is for each piece, and a server may send one a second without end. Raise TimeoutError, and
    the errors of ``opened``.
    """
    outcome: queue.SimpleQueue[tuple[int, BaseException | None]] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(opened, most, time.monotonic() + seconds, outcome), daemon=True).start()
    try:
        status, failure = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if failure:
        raise failure
    return status


def _take(opened: Callable[[], Any], most: int, end: float, outcome: queue.SimpleQueue[Any]) -> None:
    try:
        with opened() as answer:
            while most > 0 and (piece := answer.read1(most)):
                most -= len(piece)
                if time.monotonic() > end:  # no one waits anymore
                    return
            if most > 0 and answer.length:  # read1 does not report missing bytes, as of a worker that died
                raise http.client.IncompleteRead(b"", answer.length)
            outcome.put((answer.status, None))
    except BaseException as exc:  # noqa: BLE001  # the waiting thread raises it
        outcome.put((0, exc))
