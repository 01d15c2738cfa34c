"""What Acme adds to tinyml-core: a microcontroller, an energy model and a search strategy."""
