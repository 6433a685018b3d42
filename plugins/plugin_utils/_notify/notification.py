# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notify people about a rotation: by e-mail, a webhook in Slack's format, or any HTTP hook.

A failed notification never stops a rotation: it is a warning, and goes into the record. The text comes from the
record alone. The recipient is named by kind and host only: the rest of a webhook's address is a secret.
"""

from __future__ import annotations

import email.message
import email.utils
import functools
import html
import itertools
import json
import os
import re
import smtplib
import ssl
import threading
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, cast
from urllib.parse import urlsplit

import jinja2
import jinja2.meta
import jinja2.sandbox

from ...module_utils._errors.options import InvalidNotify
from .._report.ending_sentences import sentence
from .._report.rotation_state import RotationState
from .._report.run import Run
from .._report.shown_text import one_line
from .._report.templates import TemplateValues, attributes
from . import sample_records

STARTED, READY, COMPLETED, FAILED, ROLLED_BACK = MOMENTS = ("started", "ready", "completed", "failed", "rolled back")
HAPPENED = {READY: "is ready"}  # all other moments are "has started" and so on
SECONDS = 10  # that a server may take for each word
ALTOGETHER = 30  # seconds for a channel: a server may say its words sign by sign
TEMPLATE = os.path.join(os.path.dirname(__file__), "message.j2")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# By type: the members that must be there, and those that may.
COMMON = ("type", "on", "template", "ca_cert")
MEMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "email": (("host", "to", "from"), ("port", "security", "user", "password", "password_file")),
    "slack": ((), ("url", "url_file")),
    "http": ((), ("url", "url_file", "headers", "token", "token_file")),
}
SECURITY = {"starttls": 587, "tls": 465, "none": 25}
TEXTS = ("host", "from", "url")
PATHS = ("ca_cert", "template", "password_file", "url_file", "token_file")
GivenChannel = Mapping[str, Any]  # as an operator wrote it in YAML: check makes it a Channel
# A channel of key_rotation_notify, checked; "from" cannot be a name in Python.
Channel = TypedDict(
    "Channel",
    {
        "type": str,
        "on": Sequence[str],
        "template": str,
        "ca_cert": str,
        "host": str,
        "port": Any,
        "security": str,
        "from": str,
        "to": Any,
        "user": Any,
        "password": Any,
        "password_file": str,
        "url": str,
        "url_file": str,
        "token": Any,
        "token_file": str,
        "headers": Mapping[str, object],
    },
    total=False,
)
Channels = Sequence[Channel]


class EmptyMessage(Exception):
    """A template that produced no text."""


class NotSent(Exception):
    """A message that could not be sent to the server at all. The text of this error shows no secret."""


class PartlyRefused(Exception):
    """Some of several recipients were refused, each with the server's code; ``reached`` are those who were not."""

    def __init__(self, refused: Mapping[str, int], reached: Sequence[str]) -> None:
        super().__init__(_refused(refused))
        self.reached = reached


def happened(moment: str) -> str:
    """Return what a notification says of a run, such as "has started"."""
    return HAPPENED.get(moment, f"has {moment}")


def check(channels: Any, placed: Callable[[str], str]) -> Channels:
    """Return the channels of ``key_rotation_notify``. ``placed`` returns the absolute path of a file that a channel
    names.

    Raise E_NOTIFY, which names members and never shows a value.
    """
    if not isinstance(channels, (list, tuple)):
        raise InvalidNotify(index=0, fault="it is not a list")
    restored = [_restore_names(channel) for channel in channels]
    for index, channel in enumerate(restored, 1):
        mistake = next(_mistakes(channel), None)
        if mistake:
            raise InvalidNotify(index=index, fault=mistake)
    return [_with_places(channel, placed) for channel in restored]


def _with_places(channel: GivenChannel, placed: Callable[[str], str]) -> Channel:
    known = {name: placed(str(value)) if name in PATHS and value else value for name, value in channel.items()}
    return cast(Channel, known)


def _restore_names(channel: Any) -> Any:
    """A channel as it was written: YAML 1.1 takes the name ``on`` for true."""
    if not isinstance(channel, Mapping):
        return channel
    return {"on" if name is True else name: value for name, value in channel.items()}


def moments(channel: Mapping[Any, Any]) -> Sequence[str]:
    """Return when a channel is notified, as the operator wrote it."""
    chosen: Sequence[str] = _restore_names(channel).get("on", MOMENTS)
    return chosen


def _mistakes(channel: Any) -> Iterator[str]:
    if not isinstance(channel, Mapping) or str(channel.get("type")) not in MEMBERS:
        yield f"it has no type, or not one of {', '.join(MEMBERS)}"
        return
    needed, others = MEMBERS[channel["type"]]
    yield from (f"{name} is missing" for name in needed if not channel.get(name))
    yield from ("it has an unknown member" for name in channel if name not in (*COMMON, *needed, *others))
    asked = channel.get("on", ())
    if not isinstance(asked, (list, tuple)) or any(moment not in MOMENTS for moment in asked):
        yield f"on lists something other than {', '.join(MOMENTS)}"
    texts = {name: channel[name] for name in TEXTS if channel.get(name)}
    yield from (f"{name} is not text" for name, value in texts.items() if not _are_texts(value, one=True))
    if channel["type"] == "email" and str(channel.get("security", "starttls")) not in SECURITY:
        yield f"security is not one of {', '.join(SECURITY)}"
    if channel["type"] == "email" and channel.get("to") and not _are_texts(channel["to"]):
        yield "to is not an address or a list of addresses"
    if channel.get("headers") and not isinstance(channel["headers"], Mapping):
        yield "headers are not a dictionary"
    if channel.get("port") and not _is_port(channel["port"]):
        yield "port is not a number from 1 to 65535"
    if channel["type"] != "email" and not (channel.get("url") or channel.get("url_file")):
        yield "it has neither url nor url_file"


def _are_texts(value: Any, *, one: bool = False) -> bool:
    """Return whether it is a text with content, or a list of such texts if it need not be ``one``."""
    texts = value if isinstance(value, (list, tuple)) and not one else [value]
    return all(isinstance(text, str) and text.strip() for text in texts)


def _is_port(value: Any) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", str(value)) is not None and 1 <= int(value) <= 65535


def rehearse(channels: Channels) -> None:
    """Find the mistakes of templates while there is time to fix them. Raise E_NOTIFY.

    Not when people are notified: there a file that is lost by then silences its own channel alone.
    """
    for index, channel in enumerate(channels, 1):
        mistake = _template_mistake(channel) if channel.get("template") else None
        if mistake:
            raise InvalidNotify(index=index, fault=f"template {mistake}")


def _template_mistake(channel: Channel) -> str | None:
    path = channel["template"]
    if not os.path.isfile(path):
        return "is not a file"
    try:
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        parsed = _environment().parse(text)
        _environment().from_string(text)
    except jinja2.TemplateSyntaxError as exc:
        return f"has a mistake in line {exc.lineno}"
    except (OSError, UnicodeDecodeError) as exc:
        return f"cannot be read: {type(exc).__name__}"
    if not text.strip():
        return "is empty"
    unknown = jinja2.meta.find_undeclared_variables(parsed) - _names()
    if unknown:
        return f"uses unknown names: {', '.join(sorted(unknown))}"
    for moment, whole in itertools.product(moments(channel), (False, True)):
        try:
            _text(channel, moment, sample_records.build_state(moment, whole=whole))
        except EmptyMessage:  # which it may have to say of some moment, and reports when it does
            continue
        except Exception as exc:  # noqa: BLE001  # whatever a template does
            return f"cannot notify that it {happened(moment)}: {_reason(exc)}"
    return None


def _names() -> set[str]:
    """Return the names that a template may use."""
    return {*_build_template_values(sample_records.build_state(STARTED)), "moment", "sentence"}


def _environment() -> jinja2.Environment:
    """Return the environment for templates. In it, a member that does not exist is an error, not an empty text."""
    return jinja2.sandbox.SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)


class Notification(TypedDict, total=False):
    """The result of notifying one channel.

    ``found`` is why the notification failed, ``reached`` how many of the recipients were reached.
    """

    channel: str
    about: str
    to: Any
    found: str
    reached: int


def tell(channels: Channels, moment: str, rotation: RotationState) -> Iterator[Notification]:
    """Notify every channel that is configured for ``moment``. Yield for the record who was notified and what failed.

    A rotation that failed and was rolled back in one run counts as both, and is announced once.
    """
    failed = moment == ROLLED_BACK and rotation.last_run.failed_task
    wanted = {moment, FAILED} if failed else {moment}
    for channel in channels:
        if wanted.isdisjoint(moments(channel)):
            continue
        result: Notification = {"channel": channel["type"], "about": moment}
        try:
            _in_time(functools.partial(_send, channel, moment, rotation, result))
        except Exception as exc:  # noqa: BLE001  # nothing that a hook does may stop a rotation
            result["found"] = _reason(exc)
            if isinstance(exc, PartlyRefused):
                result.update({"reached": len(exc.reached), "to": exc.reached})
        yield result


def _send(channel: Channel, moment: str, rotation: RotationState, result: Notification) -> None:
    result["channel"] = _place(channel)
    if channel.get("ca_cert") and not os.path.exists(channel["ca_cert"]):
        raise NotSent("its ca_cert does not exist")
    to = SENDERS[channel["type"]](channel, moment, rotation, _text(channel, moment, rotation))
    if to:
        result["to"] = to


def _in_time(send: Callable[[], None]) -> None:
    """Send, or raise what sending raises, or TimeoutError when it takes too long altogether."""
    failures: list[Exception] = []

    def act() -> None:
        try:
            send()
        except Exception as exc:  # noqa: BLE001  # raised again, there
            failures.append(exc)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(ALTOGETHER)
    if thread.is_alive():
        raise TimeoutError
    if failures:
        raise failures[0]


def _reason(exc: Exception) -> str:
    """Return the kind of error. Its text may hold a hook's address or an answer, so it is left out, unlike a
    recipient."""
    if isinstance(exc, (PartlyRefused, NotSent)):
        return str(exc)
    if isinstance(exc, jinja2.UndefinedError):  # which names what the template names
        return f"the template uses a name that does not exist: {exc.message}"
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return _refused({name: reply[0] for name, reply in exc.recipients.items()})
    code = getattr(exc, "code", None) or getattr(exc, "smtp_code", None)
    reason = getattr(exc, "reason", None) if isinstance(exc, urllib.error.URLError) and code is None else None
    kind = type(reason if isinstance(reason, BaseException) else exc).__name__
    return f"{kind} {code}" if isinstance(code, int) else kind


def _refused(recipients: Mapping[str, int]) -> str:
    return "refused for " + ", ".join(f"{name} ({code})" for name, code in recipients.items())


def _place(channel: Channel) -> str:
    """A channel as it may be shown."""
    if channel["type"] == "email":
        return f"email by {channel['host']}"
    return f"{channel['type']} to {urlsplit(_secret(channel, 'url')).hostname}"


def _secret(channel: Channel, name: Literal["password", "url", "token"]) -> str:
    """A member's value, or the first line of the file that its ``_file`` names."""
    given: Mapping[str, object] = channel
    if given.get(name):
        return str(given[name])
    if not (path := given.get(f"{name}_file")):
        return ""
    try:
        with open(str(path), encoding="utf-8") as handle:
            return handle.readline().strip()
    except OSError as exc:
        raise NotSent(f"its {name}_file cannot be read: {exc.strerror}") from None


def _text(channel: Channel, moment: str, rotation: RotationState) -> str:
    """Subject and body, from the channel's own template or ours: the first line is the subject."""
    path = channel.get("template") or TEMPLATE
    with open(path, encoding="utf-8") as handle:
        template = _environment().from_string(handle.read())
    text = template.render(
        moment=moment, sentence=one_line(sentence(rotation)), **one_line(_build_template_values(rotation))
    ).strip()
    if not text:
        raise EmptyMessage
    return text


def _build_template_values(rotation: RotationState) -> TemplateValues:
    """Return the values that a template may use. Optional members are present and empty."""
    parts = (rotation, rotation.said, rotation.schedule, rotation.schedule.next)
    names = {name: value for part in parts for name, value in attributes(part).items()}
    return {**names, **_filled(rotation), "act": {**attributes(rotation.last_run), **_filled(rotation.last_run)}}


def _filled(source: RotationState | Run) -> TemplateValues:
    failure = source.failure
    return {
        "authorization": {**dict.fromkeys(("who", "ticket"), ""), **source.authorization},
        "failure": {**dict.fromkeys(("code", "what", "changed", "todo"), ""), **failure} if failure else {},
    }


def _email(channel: Channel, moment: str, rotation: RotationState, text: str) -> list[str]:
    """Send an e-mail, and return the addresses that the server accepted. Raise PartlyRefused if it refused some."""
    subject, _, body = text.partition("\n")
    to = [channel["to"]] if isinstance(channel["to"], str) else list(map(str, channel["to"]))
    message = email.message.EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, str(channel["from"]), ", ".join(to)
    message["Date"], message["Message-ID"] = email.utils.formatdate(), email.utils.make_msgid(domain="key-rotation")
    message.set_content(body.strip() + "\n")
    security = channel.get("security", "starttls")
    if channel.get("user") and security == "none" and channel["host"] not in LOOPBACK:
        raise NotSent("a password is not sent unencrypted: set security to starttls or tls")
    host, port = str(channel["host"]), int(channel.get("port") or SECURITY[security])
    trusted = ssl.create_default_context(cafile=channel.get("ca_cert"))
    opened: smtplib.SMTP = (
        smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=trusted)
        if security == "tls"
        else smtplib.SMTP(host, port, timeout=SECONDS)
    )
    with opened as server:
        if security == "starttls":
            server.starttls(context=trusted)
        if channel.get("user"):
            server.login(str(channel["user"]), _secret(channel, "password"))
        refused = server.send_message(message)  # raises an error itself if all are refused
    everybody = [address for _, address in email.utils.getaddresses([message["To"]])]
    reached = [address for address in everybody if address not in refused]
    if refused:
        raise PartlyRefused({name: reply[0] for name, reply in refused.items()}, reached)
    return reached


def _slack(channel: Channel, moment: str, rotation: RotationState, text: str) -> None:
    """Send a text without markup: words such as ``<!channel>`` or ``<https://...|words>`` must have no effect."""
    _post(channel, {"text": html.escape(text, quote=False)}, {})


def _http(channel: Channel, moment: str, rotation: RotationState, text: str) -> None:
    names = ("rotation_id", "status", "reason", "authorization", "values", "reencrypted", "failure")
    keys = {"old": rotation.keys.old, "new": rotation.keys.new, "current": rotation.keys.current}
    act = {"title": rotation.last_run.title, "people": rotation.last_run.people}
    state = {**{name: getattr(rotation, name) for name in names}, "environment": rotation.said.environment}
    about = {"about": moment, "text": text, "act": act, "keys": keys, **state}
    headers = {str(name): str(value) for name, value in (channel.get("headers") or {}).items()}
    token = _secret(channel, "token")
    _post(channel, about, {**headers, **({"Authorization": f"Bearer {token}"} if token else {})})


def _post(channel: Channel, content: Mapping[str, object], headers: Mapping[str, str]) -> None:
    from ansible.module_utils.urls import open_url  # 40 modules, which no other run needs

    url = _secret(channel, "url")
    parts = urlsplit(url)
    if not ((parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise NotSent("its url is not an https:// address" if url else "its url_file is empty")
    open_url(
        url,
        method="POST",
        data=json.dumps(content).encode("utf-8"),
        headers={"Content-Type": "application/json", **headers},
        timeout=SECONDS,
        ca_path=channel.get("ca_cert"),
        follow_redirects="none",
        use_proxy=parts.scheme == "https",  # which would receive the address and the message
        use_netrc=False,  # whose password would take the place of the token
        http_agent="tetech.key_rotation",
    ).close()


SENDERS: dict[str, Callable[..., list[str] | None]] = {"email": _email, "slack": _slack, "http": _http}
