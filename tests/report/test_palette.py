"""Colours of the page, computed: told apart by people who see fewer of them, and readable in light and dark."""

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

STYLE = (files("tinyml_plugins.report") / "templates" / "report.css").read_text(encoding="utf-8")
TOGETHER = [
    ("blue", "green", "orange"),  # kinds of buffers
    ("blue", "sky", "green", "orange", "grey"),  # operators
    ("sky", "blue", "orange"),  # parts of flash
]
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
VISIONS = {
    "all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def colours(dark):
    light, second = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    return {
        name: np.array([int(value[index : index + 2], 16) for index in (0, 2, 4)]) / 255
        for name, value in re.findall(r"--(\w+): #(\w{6})", second if dark else light)
    }


def linear(colour):
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ np.clip(rgb, 0, 1)
    ratio = xyz / [0.9505, 1, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    lights = sorted(linear(each) @ [0.2126, 0.7152, 0.0722] for each in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("dark", [False, True])
def test_colours_that_stand_together_are_told_apart(vision, dark):
    known = colours(dark)
    for names in TOGETHER:
        for one, other in itertools.combinations(names, 2):
            seen = [lab(np.array(VISIONS[vision]) @ linear(known[name])) for name in (one, other)]
            assert np.linalg.norm(seen[0] - seen[1]) > 15, (one, other)


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read(dark):
    known = colours(dark)
    for text, ground in itertools.product(("ink", "soft", "blue"), ("page", "paper")):
        assert contrast(known[text], known[ground]) >= 4.5, (text, ground)
    assert min(contrast(known[name], known["paper"]) for name in ("green", "vermilion")) >= 3  # large letters
