"""Strings from files stay strings: nine fields, fourteen payloads, every place that the platform writes text to."""

import copy
import json
import re
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from onnx import ModelProto

from tests.report.test_html import REPORT  # noqa: TID251
from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.project_writer import CompiledNetwork, ProjectWriter
from tinyml_core.cli import tinyml
from tinyml_core.cli.output import plain
from tinyml_core.config import read_project
from tinyml_core.errors import TinyMLError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Conv2D
from tinyml_core.graph.serialise import save
from tinyml_core.program.planner import plan
from tinyml_plugins.report.html import HtmlReporter

PAYLOADS = {
    "comment end": "*/ int evil(void) { return 1; } /*", "continued line": "// \\",
    "newline": "a\n#include </etc/passwd>\n",
    "quote": '"); evil("', "format": "%s%n%x", "shell": "${HOME} $(id) `id` ; id", "template": "{{7*7}}{% raw %}",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>", "trigraph": "x??/", "nul": "a\0b",
    "right to left": "a\u202eb\u2028c\x1b[31m", "100 kB": "x" * 100_000, "keyword": "int", "collision": "model_invoke",
}  # fmt: skip
PROFILE = files("tinyml_hw_profiles") / "stm32f746.yaml"
FIELDS = ("graph", "node", "constant", "input", "output", "description", "project", "title", "path")


@dataclass
class Sinks:
    """Everything written about one network: files by name, the text of a terminal, JSON, the tags of a page."""

    files: dict
    terminal: str
    report: dict | None
    tags: list
    refusals: list


def _graph(value):
    b = GraphBuilder(value("graph"))
    x = b.input(value("input"), (1, 4, 4, 2), DType.INT8, Quantization.per_tensor(0.1, 3))
    w = b.constant(value("constant"), np.ones((3, 1, 1, 2), np.int8), Quantization.per_tensor(0.1))
    y = b.node(Conv2D(), [x, w], name=value("node"), quantization=Quantization.per_tensor(0.1, 3))
    return b.build([b.node(Add(), [y, y], name=value("output"), quantization=Quantization.per_tensor(0.1, 3))])


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))


def _tags(value, folder):
    report = copy.deepcopy(REPORT)
    report |= {"name": value("project"), "target": value("title")}
    report["layers"][0] |= {"name": value("node"), "kernel": value("output")}
    report["plugins"][0]["name"] = value("path")
    page = HtmlReporter().write(report, folder).read_text()
    parser = _Tags()
    parser.feed(page)
    return parser.tags


def _sinks(platform, tmp_path, payload, fields):
    def value(field):
        return f"{payload}{field[0]}" if field in fields else field

    refusals = []

    def attempt(work):
        try:
            return work()
        except TinyMLError as error:
            refusals.append(str(error))
            return None

    stem = value("path").replace("/", "_").replace("\0", "_")
    path = tmp_path / f"{stem}.tinyml"
    if len(stem) > 200:
        attempt(lambda: platform.load(path))
        path = tmp_path / "long.tinyml"
    save(_graph(value), path)
    profile_path = tmp_path / "part.yaml"
    text = yaml.safe_load(PROFILE.read_text(encoding="utf-8")) | {"name": "part", "title": value("title")}
    profile_path.write_text(yaml.safe_dump(text, allow_unicode=True))
    profile = attempt(lambda: platform.target(str(profile_path))) or platform.target("stm32f746")
    project = tmp_path / "project.yaml"
    project.write_text(yaml.safe_dump({"name": value("project")}, allow_unicode=True))
    attempt(lambda: read_project(project))

    graph = platform.load(path)
    generator = platform.create(CodeGenerator, "tinyengine")
    program = plan(graph, profile, lambda node: generator.candidates(node, graph, profile))
    code = generator.generate(program, "model")
    written = dict(code.files)
    network = CompiledNetwork(
        graph.name, "model", profile, program.region, 2048, program.arena_bytes, program.arena_alignment, code
    )
    for name in platform.names(ProjectWriter):
        writer = platform.create(ProjectWriter, name)
        written |= writer.write(network) if writer.beside else {}  # the others: tests/projects/test_writers.py
    runner = CliRunner()
    shown = runner.invoke(tinyml, ["inspect", str(path)])
    told = runner.invoke(tinyml, ["inspect", str(path), "--json"])
    assert shown.exit_code == told.exit_code == 0, (shown.exception, told.exception)
    return Sinks(written, shown.output, json.loads(told.stdout), _tags(value, tmp_path), refusals)


@pytest.fixture(scope="module")
def harmless(platform, tmp_path_factory):
    return _sinks(platform, tmp_path_factory.mktemp("harmless"), "", ())


def _without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def _marks(text):
    """How often each character stands there that could mean something to a compiler, linker or make."""
    return Counter(re.sub(r"[A-Za-z0-9_.:/ -]", "", text))


def assert_harmless(sinks, harmless, payload):
    assert sinks.files.keys() == harmless.files.keys()
    for name, text in sinks.files.items():
        assert _without_comments(text) == _without_comments(harmless.files[name]), name
        assert re.fullmatch(r"[\n\t\x20-\x7e]*", text), name
        assert _marks(text) == _marks(harmless.files[name]), name
    assert all(each.isprintable() for each in sinks.terminal.split("\n"))
    assert sinks.tags == harmless.tags
    assert "49" not in sinks.terminal.replace(harmless.terminal, "") or "7*7" not in payload
    for sentence in sinks.refusals:
        assert plain(sentence).isprintable()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_every_field_at_once(payload, platform, tmp_path, harmless):
    sinks = _sinks(platform, tmp_path, PAYLOADS[payload], FIELDS)
    assert_harmless(sinks, harmless, PAYLOADS[payload])
    assert sinks.report["network"] == PAYLOADS[payload] + "g"  # JSON gives the string back, whatever it is


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_each_field_alone(payload, field, platform, tmp_path, harmless):
    assert_harmless(_sinks(platform, tmp_path, PAYLOADS[payload], (field,)), harmless, PAYLOADS[payload])


@pytest.mark.parametrize("payload", ["comment end", "trigraph", "collision", "100 kB"])
def test_it_still_compiles_and_is_exact(payload, platform, tmp_path):
    pytest.importorskip("ziglang")
    pytest.importorskip("unicorn")
    graph = _graph(lambda field: PAYLOADS[payload] + field)
    platform.compile(graph, "stm32f746", tmp_path / "out")
    assert platform.run(tmp_path / "out").exact
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_strings_of_an_onnx_file(payload, platform, onnx_file):
    """Producer, description, domain and names, through the importer of another format."""
    text = PAYLOADS[payload]

    def change(model: ModelProto):
        model.producer_name = model.doc_string = model.producer_version = model.graph.doc_string = text
        model.graph.name = model.graph.node[0].name = model.graph.node[0].doc_string = text
        model.graph.input[0].name = model.graph.node[0].input[0] = text + "i"
        model.metadata_props.add(key=text, value=text)

    path = onnx_file(change)
    shown = CliRunner().invoke(tinyml, ["inspect", str(path)])
    assert shown.exit_code == 0 or isinstance(shown.exception, TinyMLError), shown.exception
    assert all(each.isprintable() for each in shown.output.split("\n"))
    assert plain(str(shown.exception)).isprintable()
    assert len(str(shown.exception)) < 2000
