# For the lookup tetech.key_rotation.keys alone.
path "kv/data/food_ordering/keys" {
  capabilities = ["read"]
}
path "kv/data/food_ordering/keys/*" {
  capabilities = ["read"]
}
