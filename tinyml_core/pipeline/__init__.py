"""The pipeline: the steps of the platform, one module each; :class:`~tinyml_core.platform.Platform` offers them."""
