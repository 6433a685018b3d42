#!/usr/bin/env bash
# Make the image of the staging hosts, unless it is there: Debian with systemd and sshd, and what any of them runs.
#     image.sh NAME FOLDER PYTHON
# FOLDER is for the work. PYTHON is one with pip, to fetch the application's packages: a host needs no index.
set -euo pipefail
image=$1 folder=$2 python=$3
tar=$folder/host.tar
requirements=$(dirname "$0")/../food_ordering/requirements.txt
if podman image exists "$image"; then
  exit
fi
trap 'rm -rf "$tar" "$folder/packages"' EXIT
mkdir -p "$folder/packages"
# 3.13 is the Python of Debian trixie.
"$python" -m pip download --quiet --disable-pip-version-check --only-binary=:all: \
  --python-version 3.13 --platform "manylinux2014_$(uname -m)" \
  --dest "$folder/packages" --requirement "$requirements" gunicorn
cp "$requirements" "$folder/packages"
# Accounts: `deploy` is the login with sudo, `food` owns and runs the application. No root by SSH, no passwords.
mmdebstrap --quiet --variant=minbase \
  --include=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,python3,python3-venv,iproute2 \
  --include=postgresql,nginx-light,age \
  --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash deploy' \
  --customize-hook='chroot "$1" useradd --system --groups systemd-journal --home-dir /srv/food_ordering --shell /usr/sbin/nologin food' \
  --customize-hook="copy-in $folder/packages /srv" \
  --customize-hook='chroot "$1" install --directory --owner=food --group=food --mode=0750 /srv/food_ordering' \
  --customize-hook='chroot "$1" runuser -u food -- python3 -m venv /srv/food_ordering/.venv' \
  --customize-hook='chroot "$1" runuser -u food -- /srv/food_ordering/.venv/bin/pip install --isolated --quiet --no-index --no-cache-dir --find-links=/srv/packages --requirement=/srv/packages/requirements.txt gunicorn' \
  --customize-hook='install --mode=0440 /dev/null "$1/etc/sudoers.d/deploy"' \
  --customize-hook='echo "deploy ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/deploy"' \
  --customize-hook='printf "PermitRootLogin no\nPasswordAuthentication no\n" > "$1/etc/ssh/sshd_config.d/staging.conf"' \
  --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*' \
  --customize-hook='chroot "$1" systemctl disable --quiet ssh postgresql nginx' \
  trixie "$tar"
podman import --quiet "$tar" "$image" >/dev/null
echo made
