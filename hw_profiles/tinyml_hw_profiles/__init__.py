"""The bundled hardware profiles: one YAML file per microcontroller, each figure with its datasheet."""
