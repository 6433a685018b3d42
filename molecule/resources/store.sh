#!/bin/sh
# Shows the stages of the versions in OpenBao, with the operator's permissions and without keys. Exit code 2: there are none yet.
#     store.sh FOLDER URL
set -eu
store=$1/store
export BAO_ADDR="$2" BAO_CACERT="$1/tls/ca.crt"
login="bao write -field=token auth/approle/login role_id=$(cat "$store/role_id") secret_id=-"
BAO_TOKEN=$(tr -d '\n' < "$store/secret_id" | $login) || exit 1
export BAO_TOKEN
told=$(bao kv metadata get -format=json -mount=kv food_ordering/keys)
echo "$told" | sed '/"request_id"/d'
