"""The Arduino library keeps the rules of arduino-lint, and each rule catches a library that breaks it.

Rules: https://arduino.github.io/arduino-lint/latest/rules/library, in the compliance mode "strict".
"""

from __future__ import annotations

import re
import shutil

import pytest

from tinyml_core.errors import InputError

CATEGORIES = {
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
    "Data Processing", "Other", "Uncategorized",
}  # fmt: skip
REQUIRED = (
    "name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures",
)  # fmt: skip
KNOWN = {*REQUIRED, "depends", "dot_a_linkage", "includes", "precompiled", "ldflags", "email"}


def properties(folder):
    lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "a line without '='"
    assert len({key for key, _ in pairs}) == len(pairs), "a key twice"
    return dict(pairs)


RULES = {
    "fields are there": lambda f, p: all(p.get(key) for key in REQUIRED),
    "fields are known": lambda f, p: p.keys() <= KNOWN,
    "name has allowed characters": lambda f, p: re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", p["name"]),
    "name is short": lambda f, p: len(p["name"]) <= 63,
    "name is not Arduino's": lambda f, p: not p["name"].lower().startswith("arduino"),
    "name says nothing needless": lambda f, p: "library" not in p["name"].lower(),
    "version": lambda f, p: re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", p["version"]),
    "maintainer is not Arduino": lambda f, p: not p["maintainer"].lower().startswith("arduino"),
    "paragraph adds to the sentence": lambda f, p: not p["paragraph"].startswith(p["sentence"]),
    "category": lambda f, p: p["category"] in CATEGORIES,
    "url": lambda f, p: re.fullmatch(r"https?://\S+", p["url"]),
    "included headers are there": lambda f, p: all((f / "src" / name).is_file() for name in p["includes"].split(",")),
    "sources lie below src": lambda f, p: not [*f.glob("*.c"), *f.glob("*.cpp"), *f.glob("*.h")],
    "a header lies in src": lambda f, p: list((f / "src").glob("*.h")),
    "sketches are named as their folders": lambda f, p: all(
        (each / f"{each.name}.ino").is_file() for each in (f / "examples").iterdir()
    ),
    "there is a readme": lambda f, p: (f / "README.md").is_file(),
    "names of files": lambda f, p: all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", e.name) for e in f.rglob("*")),
    "no links, no binaries": lambda f, p: (
        not any(e.is_symlink() or e.suffix in {".exe", ".o", ".a"} for e in f.rglob("*"))
    ),
    "no folders of other kinds": lambda f, p: (
        not any(
            (f / name).exists()
            for name in ("utility", "example", "Examples", "source", "extra", ".git", ".development")
        )
    ),
}


def edited(pattern, replacement):
    def edit(folder):
        path = folder / "library.properties"
        text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert count == 1
        path.write_text(text)

    return edit


BROKEN = {
    "fields are there": edited("^paragraph=.*", "paragraph="),
    "fields are known": edited("^includes=", "colour=red\nincludes="),
    "name has allowed characters": edited("^name=", "name=+"),
    "name is short": edited("^name=", "name=" + "x" * 60),
    "name is not Arduino's": edited("^name=", "name=Arduino_"),
    "name says nothing needless": edited("^name=", "name=Library_"),
    "version": edited("^version=.*", "version=1.0"),
    "maintainer is not Arduino": edited("^maintainer=", "maintainer=Arduino"),
    "paragraph adds to the sentence": edited("^sentence=.*", "sentence=No heap"),
    "category": edited("^category=.*", "category=Networks"),
    "url": edited("^url=.*", "url=nowhere"),
    "included headers are there": edited("^includes=.*", "includes=other.h"),
    "sources lie below src": lambda f: shutil.copy(f / "src" / "model.h", f),
    "a header lies in src": lambda f: [path.unlink() for path in (f / "src").glob("*.h")],
    "sketches are named as their folders": lambda f: (f / "examples" / "selftest").rename(f / "examples" / "other"),
    "there is a readme": lambda f: (f / "README.md").unlink(),
    "names of files": lambda f: (f / "src" / "a b.c").touch(),
    "no links, no binaries": lambda f: (f / "src" / "model.o").touch(),
    "no folders of other kinds": lambda f: (f / "utility").mkdir(),
}


def test_the_library_keeps_the_rules(write, network):
    folder = write("arduino", network, author="Zoë", url="https://example.org/a?b=c", version="2.10.0")
    told = properties(folder)
    assert told["author"] == "Zoë"
    assert [name for name, rule in RULES.items() if not rule(folder, told)] == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_catches_what_breaks_it(rule, write, network):
    folder = write("arduino", network)
    BROKEN[rule](folder)
    assert not RULES[rule](folder, properties(folder))


@pytest.mark.parametrize(
    ("option", "value"),
    [("version", "1.0"), ("author", "a\nmaintainer=b"), ("maintainer", "Arduino"), ("maintainer", ""),
     ("url", "https://x\nname=y"), ("url", "file:///etc")],
)  # fmt: skip
def test_options_that_no_file_can_hold_are_refused(option, value, write, network):
    with pytest.raises(InputError, match=option):
        write("arduino", network, **{option: value})
