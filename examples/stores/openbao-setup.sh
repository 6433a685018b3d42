#!/bin/sh
# The KV engine, the policies and the AppRole for key_rotation_store, typed once by an administrator.
# OpenBao's command; `BAO=vault sh openbao-setup.sh` is the same for HashiCorp Vault.
set -eu
bao=${BAO:-bao}
here=$(dirname "$0")

$bao secrets enable -path=kv -version=2 kv
$bao policy write key-rotation "$here/openbao-policy.hcl"
$bao policy write key-rotation-destroy "$here/openbao-destroy-policy.hcl"
$bao policy write key-rotation-reader "$here/openbao-reader-policy.hcl"

# Each task logs in anew: the SecretID must not be limited to a number of uses, the tokens may be short-lived.
$bao auth enable approle
$bao write auth/approle/role/key-rotation \
  token_policies=key-rotation token_ttl=5m token_max_ttl=15m secret_id_num_uses=0 secret_id_ttl=720h

# The controller has these two in VAULT_ROLE_ID and VAULT_SECRET_ID:
$bao read -field=role_id auth/approle/role/key-rotation/role-id
echo
$bao write -f -field=secret_id auth/approle/role/key-rotation/secret-id
echo
