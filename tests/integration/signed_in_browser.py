# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium as a person uses it, by the DevTools protocol: forms, links, and a profile that keeps its cookies."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import websocket

from .browser import QUIET

PATIENCE = 60.0  # seconds, for a start of the browser or for a page
LEAVE = "document.left = true"
ARRIVED = 'document.left || document.readyState !== "complete" ? null : document.body.innerText'
FOCUS = "document.querySelector('[name={name}]').focus()"
CLICK = "document.querySelector('form button').click()"


class BrowserTab:
    """One tab of a browser that runs."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._commands = 0

    def ask(self, method: str, **params: object) -> Any:
        """One command of the protocol. Events are passed over."""
        self._commands += 1
        self._connection.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv())
            if answer.get("id") == self._commands:
                return answer

    def open(self, address: str) -> str:
        """The text of the page at this address, or of the page to which it redirects."""
        self._run(LEAVE)
        assert "errorText" not in self.ask("Page.navigate", url=address)["result"]
        return self._wait_for_page()

    def submit(self, **fields: str) -> str:
        """Type into the fields of the form and press its button: the text of the page that answers."""
        for name, text in fields.items():
            self._run(FOCUS.format(name=name))
            self.ask("Input.insertText", text=text)
        self._run(f"{LEAVE}; {CLICK}")
        return self._wait_for_page()

    def _run(self, script: str) -> Any:
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True).get("result", {}).get("result", {})

    def _wait_for_page(self) -> str:
        return wait_for("a page", lambda: self._run(ARRIVED).get("value"))


def wait_for(what: str, look: Callable[[], str | None]) -> str:
    """What ``look`` returns as soon as it is not None."""
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) is None:
        assert time.monotonic() < deadline, f"the browser does not have {what} after {PATIENCE:.0f} s"
        time.sleep(0.05)
    return seen


@contextmanager
def opened_browser(profile: Path) -> Iterator[BrowserTab]:
    """One start of the browser. Its cookies are in the folder of the profile when it has ended."""
    port = profile / "DevToolsActivePort"
    port.unlink(missing_ok=True)
    argv = ["chromium", *QUIET, "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        number = wait_for("a port", lambda: _first_line(port))
        new = urllib.request.Request(f"http://127.0.0.1:{number}/json/new", method="PUT")
        with urllib.request.urlopen(new, timeout=PATIENCE) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        with closing(websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)) as connection:
            tab = BrowserTab(connection)
            yield tab
            tab.ask("Browser.close")
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


def _first_line(path: Path) -> str | None:
    """None until the line is whole."""
    line, ended, _ = (path.read_text(encoding="utf-8") if path.exists() else "").partition("\n")
    return line if ended else None
