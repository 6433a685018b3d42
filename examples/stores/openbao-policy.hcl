# What the collection needs in HashiCorp Vault or OpenBao, and no more, for
#   key_rotation_store: {type: hashi_vault, mount: kv, path: food_ordering/keys, ...}

# The index: key ids, stages, states. No key is in it.
path "kv/data/food_ordering/keys" {
  capabilities = ["create", "read", "update"]
}

# The values of each version. Without update: what was put once cannot be overwritten.
path "kv/data/food_ordering/keys/*" {
  capabilities = ["create", "read"]
}

# Stages and the head of the newest record as custom metadata, and a look at delete_version_after. Nothing that has KV drop
# versions of the index ("0s" is never, and hvac always says so).
path "kv/metadata/food_ordering/keys" {
  capabilities = ["create", "read", "update"]
  allowed_parameters = {
    "custom_metadata"      = []
    "delete_version_after" = ["0s"]
  }
}
path "kv/config" {
  capabilities = ["read"]
}

# To tell a dead token from one that lacks a right.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
