"""TensorFlow Lite models that tests and benchmarks share: graphs written as files, and files made by hand."""
