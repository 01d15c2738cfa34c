"""TensorFlow Lite: a small reader of its flatbuffer schema and the conversion to a graph."""
