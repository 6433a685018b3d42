# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP traffic against the staging environment's own hosts, at a bounded rate, until a file appears.

    python load.py URL RATE PROFILES STOP_FILE REPORT_FILE

It first asks for each of the first PROFILES profiles, and holds every later answer against that. REPORT_FILE gets, as
JSON: answers by kind (`right`, `wrong`, or why there was none), and the downtime: the seconds between the last right
answer before a failure and the next right one, the longest and the sum.
"""

from __future__ import annotations

import collections
import http.client
import json
import sys
import threading
import time
import urllib.parse
from pathlib import Path

THREADS = 4
AT_MOST = 900  # seconds; the traffic always ends
ANSWER_WITHIN = 5  # seconds
READY_WITHIN = 30  # seconds; a proxy may consider a server down for longer


class Traffic:
    def __init__(self, url: str, rate: float, profiles: int) -> None:
        self.host = urllib.parse.urlsplit(url).netloc
        self.pause = THREADS / rate
        self.ids = list(range(1, profiles + 1))
        self.names = {number: self.first(number) for number in self.ids}
        self.kinds: collections.Counter[str] = collections.Counter()
        self.lock = threading.Lock()
        self.last_right = time.monotonic()
        self.failing = False
        self.outages: list[float] = []

    def first(self, number: int) -> str:
        """The name in a profile before the traffic begins: the application may just have been started."""
        patience = time.monotonic() + READY_WITHIN
        while not (name := self.ask(number)[1]) and time.monotonic() < patience:
            time.sleep(0.2)
        return name

    def ask(self, number: int) -> tuple[str, str]:
        """What kind of answer a profile gets, and the name in it."""
        connection = http.client.HTTPConnection(self.host, timeout=ANSWER_WITHIN)
        try:
            connection.request("GET", f"/profiles/{number}/", headers={"Host": "localhost"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            return type(exc).__name__, ""
        finally:
            connection.close()
        return ("right", json.loads(body)["full_name"]) if answer.status == 200 else (str(answer.status), "")

    def visit(self, until: threading.Event, first: int) -> None:
        number = first
        while not until.wait(self.pause):
            number = (number + THREADS) % len(self.ids)
            kind, name = self.ask(self.ids[number])
            if kind == "right" and name != self.names[self.ids[number]]:
                kind = "wrong"
            with self.lock:
                self.count(kind)

    def count(self, kind: str) -> None:
        self.kinds[kind] += 1
        now = time.monotonic()
        if kind != "right":
            self.failing = True
            return
        if self.failing:
            self.outages.append(now - self.last_right)
            self.failing = False
        self.last_right = now

    def report(self) -> dict[str, object]:
        if self.failing:
            self.outages.append(time.monotonic() - self.last_right)
        total = sum(self.kinds.values())
        return {
            "requests": total,
            "errors": total - self.kinds["right"],
            "wrong": self.kinds["wrong"],
            "kinds": dict(self.kinds),
            "downtime": {"longest": round(max(self.outages, default=0.0), 1), "sum": round(sum(self.outages), 1)},
        }


def main() -> None:
    url, rate, profiles, stop_file, report_file = sys.argv[1:]
    traffic = Traffic(url, float(rate), int(profiles))
    if not all(traffic.names.values()):
        sys.exit("The application did not answer for every profile before the traffic began.")
    end = threading.Event()
    threads = [threading.Thread(target=traffic.visit, args=(end, first)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    begun = Path(report_file).with_suffix(".begun")
    begun.touch()
    deadline = time.monotonic() + AT_MOST
    while begun.exists() and not Path(stop_file).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    forgotten = not begun.exists()  # by a scenario that runs again after a failure
    end.set()
    for thread in threads:
        thread.join()
    if not forgotten:
        Path(report_file).write_text(json.dumps(traffic.report()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
