"""What tests of plugins and of the platform itself are made from."""
