"""A program for the Arduino core that asks the known-answer test and prints how long it takes."""

from __future__ import annotations

from tinyml_core.api.project_writer import CompiledNetwork

_SKETCH = """\
// Asks the known-answer test of the network once and prints the answer.
#include <Arduino.h>

#include <{prefix}_check.h>

void setup()
{{
    Serial.begin(115200);
    while (!Serial && millis() < 3000) {{
    }}
    const uint32_t before = micros();
    const int status = {prefix}_check();
    const uint32_t after = micros();

    Serial.print("known-answer test: ");
    Serial.print(status == 0 ? "passed" : "FAILED");
    Serial.print(" in ");
    Serial.print(after - before);
    Serial.println(" us");
}}

void loop()
{{
}}
"""


def sketch(network: CompiledNetwork) -> str:
    """Text of a ``.ino`` or ``.cpp`` file."""
    return _SKETCH.format(prefix=network.prefix)
