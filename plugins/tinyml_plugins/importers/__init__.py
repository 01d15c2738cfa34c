"""Importers: plugins that read model files of other tools."""
