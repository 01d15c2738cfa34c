"""What the source tree must not hold: ways to run what is in a file, doors to the network, host programs."""

import ast
import sys
from pathlib import Path

import pytest

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add
from tinyml_core.testing.isolation import Limits, isolated

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tinyml_core", "plugins", "hw_profiles")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads",
    "torch.load", "torch.jit.load", "torch.hub.load", "joblib.load", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
    "yaml.full_load", "os.system", "os.popen", "os.startfile", "os.execv", "os.execvp", "os.posix_spawn", "os.spawnv",
    "shelve.open", "runpy.run_path", "onnx.load", "onnx.hub.load", "jinja2.Template", "Template",
}  # fmt: skip
"""``onnx.load`` reads external data; ``Template`` renders a string."""
FORBIDDEN_MODULES = {
    "socket", "ssl", "urllib", "urllib.request", "http", "http.client", "requests", "httpx", "ftplib", "dill",
    "cloudpickle", "shelve", "marshal", "joblib", "pty", "xmlrpc",
}  # fmt: skip
STARTS_PROGRAMS = {
    "plugins/tinyml_plugins/simulator/compiler.py": "a cross compiler",
    "plugins/tinyml_plugins/simulator/gcc.py": "a cross compiler, asked for its version",
    "plugins/tinyml_plugins/simulator/qemu/device.py": "the emulator, whose end it awaits",
    "plugins/tinyml_plugins/simulator/qemu/gdb.py": "the emulator, whose pipes it speaks over",
    "plugins/tinyml_plugins/simulator/qemu/runner.py": "the emulator",
    "tinyml_core/testing/conformance/plugin_checks.py": "an interpreter that imports the plugin in question",
    "tinyml_core/testing/survival.py": "the search that the survival test kills",
}
"""Files that may import ``subprocess``, and what they start."""


def dotted(node):
    """``a.b.c`` of a name or attribute, else ''."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def findings(text):
    """What a module holds of the forbidden."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in FORBIDDEN_CALLS or name.endswith(".from_string"):
                found.append(name)
            if name.endswith(("np.load", "numpy.load")):
                allowed = {each.arg: each.value for each in node.keywords}.get("allow_pickle")
                if not (isinstance(allowed, ast.Constant) and allowed.value is False):
                    found.append(f"{name} without allow_pickle=False")
            found += [f"{name} with shell" for each in node.keywords if each.arg == "shell"]
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name in FORBIDDEN_MODULES]
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            found += [f"{node.module}"] * (node.module in FORBIDDEN_MODULES)
            found += [each.name for each in node.names if f"{node.module}.{each.name}" in FORBIDDEN_CALLS]
    return found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("import pickle\npickle.loads(b'')", 1), ("eval('1')", 1), ("np.load(p)", 1),
        ("np.load(p, allow_pickle=True)", 1),
        ("np.load(p, allow_pickle=False)", 0), ("from pickle import loads", 1), ("model.eval()", 0),
        ("re.compile('x')", 0),
        ("environment.from_string(name)", 1), ("import urllib.request", 1), ("subprocess.run(x, shell=True)", 1),
    ],
)  # fmt: skip
def test_the_search_finds(text, count):
    assert len(findings(text)) == count


def test_nothing_forbidden():
    assert len(FILES) > 100
    found = {str(path.relative_to(ROOT)): findings(path.read_text(encoding="utf-8")) for path in FILES}
    assert {name: what for name, what in found.items() if what} == {}


def test_only_compilers_are_started():
    """Static half: no other file can start a program."""
    starting = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            if "subprocess" in names or "asyncio.subprocess" in names:
                starting.add(str(path.relative_to(ROOT)))
    assert starting == set(STARTS_PROGRAMS)


def test_generated_code_never_runs_on_the_host(tmp_path, platform):
    """Dynamic half: while a network is compiled and run, only compilers start, and no library of its folder loads."""
    pytest.importorskip("ziglang")
    pytest.importorskip("unicorn")
    b = GraphBuilder("g")
    x = b.input("x", (1, 4), DType.INT8, Quantization.per_tensor(0.1))
    graph = b.build([b.node(Add(), [x, x], quantization=Quantization.per_tensor(0.1))])
    started = []

    def watch(event, arguments):
        if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "ctypes.dlopen"):
            command = arguments[1] if event == "subprocess.Popen" else ()
            started.append((event, str(arguments[0]), [str(each) for each in command]))

    def work():
        sys.addaudithook(watch)
        platform.compile(graph, "stm32f746", tmp_path / "out")
        assert platform.run(tmp_path / "out").exact
        programs = [command for event, _, command in started if event == "subprocess.Popen"]
        assert programs, "no compiler was started"
        assert all(command[:3] == [sys.executable, "-m", "ziglang"] for command in programs), programs
        libraries = [name for event, name, _ in started if event == "ctypes.dlopen"]
        assert not any(name.startswith(str(tmp_path)) for name in libraries), libraries
        assert all(event in ("subprocess.Popen", "ctypes.dlopen") for event, _, _ in started), started
        return "fine"

    verdict = isolated(work, Limits(seconds=120, memory=4 << 30, address_space=1 << 40))
    assert verdict.outcome == "accepted", verdict.detail
