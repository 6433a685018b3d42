#!/bin/sh
# Initialise OpenBao once, unseal it whenever it is sealed, and let in by AppRole who rotates.
#     openbao.sh FOLDER URL
# Three shares of the unseal key, of which two unseal; in FOLDER/store, as the people would keep them who hold them.
set -eu
umask 077
store=$1/store
here=$(dirname "$0")
export BAO_ADDR="$2" BAO_CACERT="$1/tls/ca.crt"
mkdir -p "$store"

# 0 is unsealed, 2 is sealed, 1 is not there (yet).
status() { code=0; bao status >/dev/null 2>&1 || code=$?; }
for _ in $(seq 50); do
  status
  test $code != 1 && break
  sleep 0.2
done

if ! bao operator init -status >/dev/null; then
  bao operator init -key-shares=3 -key-threshold=2 > "$store/init"
  echo changed
fi
status
if test $code = 2; then
  for number in 1 2; do
    # From a file: a share in the arguments would be for every user of this machine to read.
    sed -n "s/^Unseal Key $number: //p" "$store/init" | bao write -format=json sys/unseal key=- >/dev/null
  done
  echo changed
fi
if ! test -s "$store/secret_id"; then
  BAO_TOKEN=$(sed -n 's/^Initial Root Token: //p' "$store/init")
  export BAO_TOKEN
  # What a run that was interrupted here has left is made anew; nothing uses it yet.
  bao secrets disable kv >/dev/null
  bao auth disable approle >/dev/null
  sh "$here/../stores/openbao-setup.sh" > "$store/setup"
  grep -E '^[0-9a-f-]{36}$' "$store/setup" > "$store/ids"
  sed -n 1p "$store/ids" > "$store/role_id"
  # The first administrator's token has done its work.
  bao token revoke -self >/dev/null
  sed -n 2p "$store/ids" > "$store/secret_id"
  rm "$store/setup" "$store/ids"
  echo changed
fi
