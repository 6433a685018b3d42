# For the lookup tetech.key_rotation.keys alone.
path "kv/data/food_ordering/keys" {
  capabilities = ["read"]
}
path "kv/data/food_ordering/keys/*" {
  capabilities = ["read"]
}
# The key that signs records. Who reads keys is not to be able to write a record that passes for ours.
path "kv/data/food_ordering/keys/record~signing" {
  capabilities = ["deny"]
}
