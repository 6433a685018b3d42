#!/bin/sh
# What OpenBao says of the versions: their stages, and no key. As who rotates sees it.
#     store.sh FOLDER URL
set -eu
store=$1/store
export BAO_ADDR="$2" BAO_CACERT="$1/tls/ca.crt"
BAO_TOKEN=$(tr -d '\n' < "$store/secret_id" | bao write -field=token auth/approle/login "role_id=$(cat "$store/role_id")" secret_id=-)
export BAO_TOKEN
bao kv metadata get -format=json -mount=kv food_ordering/keys
