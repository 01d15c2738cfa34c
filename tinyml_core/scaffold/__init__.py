"""The start of a plugin: a distribution that works, with tests, written from templates."""
