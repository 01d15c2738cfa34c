"""The HTML page: names from a file stay text, it loads nothing, and it stays small."""

import re
from html.parser import HTMLParser

import pytest

from report_samples.samples import REPORT, full, layer
from tinyml_plugins.report.figures import compare, figures
from tinyml_plugins.report.html import HtmlReporter
from tinyml_plugins.report.layer_table import flash_parts, layer_rows
from tinyml_plugins.report.memory_chart import chart_memory
from tinyml_plugins.report.network_drawing import draw_network
from tinyml_plugins.report.text import kilobytes, printable, short

HOSTILE = "\"'><img src=x onerror=alert(1)>&lt;\u202e{{7*7}}\x00\ud800"


def spoilt(value):
    """``value`` with every text but keys and a few words that are ours made hostile."""
    ours = {"tensor", "ring", "working", "build", "int8", "exact", "measured", "estimated"}
    if isinstance(value, str):
        return value if value in ours else value + HOSTILE
    if isinstance(value, list):
        return [spoilt(each) for each in value]
    return {key: spoilt(each) for key, each in value.items()} if isinstance(value, dict) else value


def with_objectives(search, suffix):
    """``search`` with the objectives it has under other names."""
    search |= {"objectives": [name + suffix for name in REPORT["search"]["objectives"]]}
    for trial in (*search["front"], *search["trials"]):
        trial["costs"] = {name + suffix: value for name, value in trial["costs"].items()}
    return search


class Tags(HTMLParser):
    """The tags of a page with the names of their attributes, which hostile text must not change."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))


def page_of(*builds, folder):
    return HtmlReporter().write({"version": "1", "builds": list(builds)}, folder).read_text(encoding="utf-8")


def test_hostile_names_are_escaped(tmp_path):
    page = HtmlReporter().write(REPORT, tmp_path).read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_hostile_texts_add_no_tag_anywhere(tmp_path):
    hostile = spoilt(full())
    hostile["search"] = with_objectives(hostile["search"], HOSTILE)
    page = page_of(hostile, hostile, folder=tmp_path)
    assert Tags(page).found == Tags(page_of(full(), full(), folder=tmp_path)).found
    assert not set("\u202e\0") & set(page)
    assert "49" not in re.findall(r"\d+", page)


def test_a_difference_is_said_loudly(tmp_path):
    page = HtmlReporter().write({**REPORT, "exact": False, "differing_bytes": 7}, tmp_path).read_text()
    assert "NOT exact: 7" in page


def test_the_page_loads_nothing_and_lets_no_other_script_run(tmp_path):
    page = page_of(full(), folder=tmp_path)
    assert not re.search(r"https?:|\bsrc=|url\(|@import", page)
    assert "default-src 'none'" in page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_page_stays_below_a_megabyte_whatever_the_builds(tmp_path):
    trials = [{"number": n, "accuracy": n / 5000, "costs": {"macs": float(n), "sram_bytes": 1.0}} for n in range(5000)]
    large = full(4000, search={**REPORT["search"], "trials": trials})
    for builds in ([large], [large] * 4):
        assert len(page_of(*builds, folder=tmp_path).encode()) < 1_000_000
    assert len(page_of(full(100), folder=tmp_path).encode()) < 200_000


def test_what_a_build_does_not_know_is_left_out(tmp_path):
    known = ("name", "target", "sram_bytes", "flash_bytes", "cycles", "macs", "layers")
    page = page_of({key: REPORT[key] for key in known}, folder=tmp_path)
    assert "Does it fit?" not in page
    assert "Search" not in page
    assert "not executed" in page


def test_every_figure_has_its_kind():
    found = {figure.label: figure.kind for figure in figures(REPORT)}
    assert found == {
        "Accuracy": "measured", "SRAM": "measured", "Flash": "exact", "Instructions": "measured",
        "Cycles": "estimated", "Time": "estimated", "MACs": "exact",
    }  # fmt: skip
    planned = {
        **REPORT,
        "instructions": None,
        "milliseconds": None,
        "flash_bytes": {"total": 2, "weights": 2, "code": None},
    }
    kinds = {figure.label: figure.kind for figure in figures(planned)}
    assert (kinds["SRAM"], kinds["Flash"], "Time" in kinds) == ("estimated", "estimated", False)


def test_builds_are_compared_with_the_first_and_the_best_is_marked():
    second = {**REPORT, "macs": 5, "accuracy": {"emulated": 0.6}}
    lines = {line.label: line for line in compare([REPORT, second])}
    assert [(cell.ratio, cell.best, cell.percent) for cell in lines["MACs"].cells] == [
        ("", False, 100),
        ("×0.50", True, 50),
    ]
    assert [cell.best for cell in lines["Accuracy"].cells] == [True, False]
    assert [cell.best for cell in lines["SRAM"].cells] == [False, False]
    without = {key: value for key, value in REPORT.items() if key != "accuracy"}
    assert compare([without, REPORT])[-1].cells[0] is None


def test_a_row_joins_cost_and_error():
    build = full(layers=[layer(1), layer(2, error=None), layer(4, macs=0, error={"sqnr_db": None, "cosine": 1.0})])
    first, second, third = layer_rows(build)
    assert (first.instructions.percent, first.cycles.percent, first.per_mac, first.sqnr.percent) == (25, 25, 0.2, 58)
    assert (second.sqnr, second.same, second.cosine) == (None, False, None)
    assert (third.per_mac, third.same, third.cosine) == (None, True, 1.0)


def test_parts_of_flash_sum_to_the_whole():
    layers = [layer(n, constant_bytes=n) for n in range(12)]
    parts = flash_parts(full(layers=layers, flash_bytes={"weights": 80, "code": 20, "total": 100}))
    assert sum(part.bytes for part in parts) == 100
    assert [(part.name, part.bytes) for part in parts[:2]] == [("code", 20), ("layer11", 11)]
    assert [(part.name, part.bytes) for part in parts[-2:]] == [
        ("4 more layers", 6),
        ("tables of kernels, padding", 14),
    ]


def test_the_arena_is_drawn_to_scale():
    chart = chart_memory(full())
    assert [(area.x, area.y, area.width, area.height) for area in chart.areas] == [
        (0, 128, 1, 128), (0, 0, 2, 128), (1, 128, 2, 128),
    ]  # fmt: skip
    assert "2 of 4 rows" in chart.areas[1].text
    assert chart.binding == 2
    assert chart.skyline == "M0 156H1V155H2V154H3"


def test_edges_that_skip_share_lanes_only_where_they_do_not_pass():
    nodes = full(7)["nodes"]
    for node, reads in zip(nodes, ([-1], [0], [1, 0], [2], [3, 2], [4], [5, 0]), strict=True):
        node["reads"] = reads
    drawing = draw_network(full(nodes=nodes))
    assert len(drawing.blocks) == 8
    lanes = {re.search(r"Q([\d.-]+)", edge)[1] for edge in drawing.edges if "Q" in edge}
    assert len(lanes) == 2  # the edge from 2 to 4 passes the one from 0 to 2 and 6
    assert drawing.hidden == 0


@pytest.mark.parametrize(
    ("text", "shown"), [("a\nb", "a\\nb"), ("\ud800", "\\ud800"), ("x" * 300, "x" * 59 + "…" + "x" * 59), ("é", "é")]
)
def test_text_is_one_short_visible_line(text, shown):
    assert printable(text) == shown


def test_numbers_for_people():
    assert [short(number) for number in (None, 7, 1234, 15_000_000)] == ["–", "7", "1.23 k", "15.0 M"]
    assert [kilobytes(number) for number in (None, 999, 1500, 327_680)] == ["–", "999 B", "1.5 kB", "328 kB"]
