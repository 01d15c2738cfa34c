"""Descriptions of the other ecosystems: the keys and values that their tools take, and those tools where installed."""

from __future__ import annotations

import json
import re
import subprocess

import yaml

MODULE = {"name": str, "build": {"cmake": str, "kconfig": str}, "samples": [str]}
"""What Zephyr's module schema says of the keys used here."""
SAMPLE = {
    "sample": {"name": str, "description": str},
    "tests": {"tinyml_model.selftest": {"tags": str, "harness": str, "harness_config": {"type": str, "regex": [str]}}},
}


def assert_suits(value, schema):
    if isinstance(schema, type):
        assert isinstance(value, schema)
    elif isinstance(schema, list):
        for each in value:
            assert_suits(each, schema[0])
    else:
        assert value.keys() == schema.keys()
        for key, below in schema.items():
            assert_suits(value[key], below)


def test_zephyr(write, network):
    folder = write("zephyr", network)
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    assert_suits(module, MODULE)
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / module["build"]["kconfig"]).is_file()
    assert all((folder / each / "selftest" / "sample.yaml").is_file() for each in module["samples"])
    assert_suits(yaml.safe_load((folder / "samples" / "selftest" / "sample.yaml").read_text()), SAMPLE)
    (option,) = re.findall(r"^config (\w+)\n\tbool \"[^\"\n]*\"\n\thelp\n\t  .*\n\Z",
                           (folder / "zephyr" / "Kconfig").read_text(), re.MULTILINE)  # fmt: skip
    assert f"if(CONFIG_{option})" in (folder / "zephyr" / "CMakeLists.txt").read_text()
    assert (folder / "samples" / "selftest" / "prj.conf").read_text() == f"CONFIG_{option}=y\n"


def test_platformio(write, network):
    folder = write("platformio", network, author='Zoë "Z"', homepage="https://example.org", license="MIT")
    told = json.loads((folder / "library.json").read_text())
    assert re.fullmatch(r"[^:;/,@<>]{1,100}", told["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["version"])
    assert 0 < len(told["description"]) <= 1000
    assert all(re.fullmatch(r"[a-z\d_+. -]{1,50}", each) for each in told["keywords"])
    assert told["authors"] == [{"name": 'Zoë "Z"'}]
    assert (told["license"], told["homepage"]) == ("MIT", "https://example.org")
    assert all((folder / told["build"]["includeDir"] / each).is_file() for each in told["headers"])
    for example in told["examples"]:
        assert all((folder / example["base"] / each).is_file() for each in example["files"])


def test_platformio_packs_it(write, network, program, tmp_path, monkeypatch):
    pio = program("pio")
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    monkeypatch.setenv("PLATFORMIO_SETTING_ENABLE_TELEMETRY", "no")
    folder, archive = write("platformio", network), tmp_path / "packed.tar.gz"
    done = subprocess.run([pio, "pkg", "pack", folder, "-o", archive], capture_output=True, text=True, check=False,
                          timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert archive.is_file()


def test_esp_idf(write, network):
    folder = write("esp-idf", network, url="https://example.org/x", version="3.0.1")
    told = yaml.safe_load((folder / "idf_component.yml").read_text())
    assert told.keys() == {"version", "description", "url"}
    assert (told["version"], told["url"]) == ("3.0.1", "https://example.org/x")
    main = folder / "examples" / "selftest" / "main"
    (dependency,) = yaml.safe_load((main / "idf_component.yml").read_text())["dependencies"].items()
    assert dependency[0] == "tinyml_model"
    assert (main / dependency[1]["override_path"]).resolve() == folder.resolve()


def test_the_component_manager_takes_it(write, network, program):
    folder = write("esp-idf", network)
    done = subprocess.run([program("compote"), "manifest", "lint", folder], capture_output=True, text=True,
                          check=False, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
