# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instance of an application that writes all the time: updates, inserts, deletes, several rows a transaction.

    python writer.py HOST DATABASE NUMBER FERNET_KEY

It works on the rows whose id modulo four is NUMBER, writes under one key, and stops when its input is closed. It prints
a line when it has begun, then JSON: the last text it wrote to each row (null where it deleted it), its transactions,
and the SQL states of its errors.
"""

from __future__ import annotations

import json
import random
import select
import sys
import time

import psycopg2
from cryptography.fernet import Fernet


def main() -> None:
    host, database, number, key = sys.argv[1:]
    cipher, mine = Fernet(key), int(number)
    connection = psycopg2.connect(host=host, dbname=database, user="postgres")
    last: dict[int, str | None] = {}
    errors: list[str] = []
    done = 0
    new = 1_000_000 + mine
    print("begun", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        changes: dict[int, str | None] = {}
        for row in random.sample(range(mine, 20_000, 4), 3):
            changes[row] = f"writer {mine} {done} {row}"
        if done % 5 == 0:
            changes[new] = f"new {new}"
            new += 4
        if done % 7 == 0:
            changes[random.randrange(mine, 20_000, 4)] = None
        try:
            with connection, connection.cursor() as cursor:
                for row, text in changes.items():
                    if text is None:
                        cursor.execute("DELETE FROM secrets WHERE id = %s", (row,))
                    else:
                        token = cipher.encrypt(text.encode()).decode()
                        cursor.execute(
                            "INSERT INTO secrets (id, a) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a",
                            (row, token),
                        )
                    time.sleep(0.001)  # a transaction holds its locks while its code runs
            last.update(changes)
            done += 1
        except psycopg2.Error as exc:
            errors.append(exc.pgcode or "?")
            connection.rollback()
    print(json.dumps({"last": last, "transactions": done, "errors": errors}), flush=True)


if __name__ == "__main__":
    main()
