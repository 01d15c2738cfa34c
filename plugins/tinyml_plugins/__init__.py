"""The bundled plugins; each folder is one, with a light ``hooks.py``, and none imports another."""
