"""Selectors: which layers and channels they choose, on a small network and on the papers' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.update_selector import LayerUpdate, UpdateSelector
from tinyml_core.errors import InputError
from tinyml_plugins.learning.extra_memory import extra_memory
from tinyml_plugins.learning.schemes import SCHEMES

MODELS = Path(__file__).parents[3] / "shared" / "models"
KIB = {
    "mcunet_5fps": {"49kb": 49.8, "74kb": 74.8, "99kb": 99.8, "124kb": 125.0, "148kb": 148.4},
    "mbv2_w0.35": {"49kb": 49.8, "73kb": 73.9, "99kb": 99.4, "123kb": 123.6, "138kb": 138.2},
}
"""Extra memory of the published schemes at 128 px and 10 classes."""


@pytest.fixture
def choose(platform, small):
    return lambda name, graph=small, **options: platform.create(UpdateSelector, name, options).select(graph).layers


def test_full(choose):
    everything = (
        LayerUpdate("expand", bias=False, channels=None), LayerUpdate("filter", channels=None),
        LayerUpdate("project", channels=None),
    )  # fmt: skip
    assert choose("full") == everything
    assert choose("full", classifier=True) == (*everything, LayerUpdate("classes", channels=None))


def test_last_k(choose):
    assert choose("last-k", layers=1) == (LayerUpdate("project", channels=None),)
    assert choose("last-k", layers=3) == choose("full")
    assert choose("last-k", layers=0, classifier=True) == (LayerUpdate("classes", channels=None),)


def test_bias_only_leaves_out_layers_without_one(choose):
    assert choose("bias-only") == (LayerUpdate("filter"), LayerUpdate("project"))
    assert choose("bias-only", layers=1) == (LayerUpdate("project"),)


def test_sparse_takes_the_largest_channels(choose):
    chosen = choose("sparse", bias_layers=1, weights=[[0, 0.5], [1, 0.5], [2, 0.125]])
    # Norms of the filters are 3, 9, 9, 1; one eighth of four channels is none.
    assert chosen == (
        LayerUpdate("expand", bias=False, channels=(1,)), LayerUpdate("filter", bias=False, channels=(1, 2)),
        LayerUpdate("project"),
    )  # fmt: skip


def test_ties_go_to_the_lower_channel(choose, network):
    graph = network(np.ones((4, 1, 1, 2)))
    assert choose("sparse", graph, weights=[[0, 0.5], [1, 0.25]]) == (
        LayerUpdate("expand", bias=False, channels=(0,)), LayerUpdate("filter", bias=False, channels=(1,)),
    )  # fmt: skip


def test_the_norm_of_the_most_negative_integer_is_the_largest(choose, network):
    graph = network(np.array([[127, -128]] * 4).reshape(4, 1, 1, 2))
    assert choose("sparse", graph, weights=[[0, 0.5]])[0].channels == (1,)


def test_dead_filters_come_last(choose, network):
    graph = network(filter_scales=(0.01, 3.9e-9, 0.01, 0.01))
    assert choose("sparse", graph, weights=[[1, 0.5]])[0].channels == (0, 2)
    assert choose("sparse", graph, weights=[[1, 1]])[0].channels is None


def test_without_a_classifier_the_last_layer_counts(choose, network):
    graph = network(classifier=False)
    assert [update.node for update in choose("last-k", graph, layers=1)] == ["project"]
    with pytest.raises(InputError, match="does not end in a classifier"):
        choose("full", graph, classifier=True)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("last-k", {"layers": 4}, "has 3 layers before the classifier, not 4"),
        ("last-k", {"layers": -1}, "layers is -1"),
        ("bias-only", {"layers": 4}, "has 3 layers before the classifier, not 4"),
        ("sparse", {"bias_layers": 4}, "has 3 layers before the classifier, not 4"),
        ("sparse", {"weights": [[3, 1.0]]}, "has 3 layers before the classifier, not 4"),
        ("sparse", {"weights": [[1, 1.0], [1, 0.5]]}, "each layer once"),
        ("sparse", {"weights": [[1, 1.5]]}, "between 0 and 1"),
        ("sparse", {"scheme": "mcunet_5fps-49k"}, "did you mean 'mcunet_5fps-49kb'"),
        ("sparse", {"scheme": "mcunet_5fps-49kb", "bias_layers": 2}, "must be left out"),
        ("sparse", {"scheme": "mcunet_5fps-49kb"}, "was searched for 42"),
    ],
)
def test_what_does_not_suit_is_refused(choose, name, options, said):
    with pytest.raises(InputError, match=said):
        choose(name, **options)


def test_extra_memory_of_a_small_network(platform, small):
    select = platform.create(UpdateSelector, "sparse", {"bias_layers": 1, "weights": [[0, 0.5], [1, 0.5]]}).select
    memory = extra_memory(small, select(small))
    assert memory.parameters == 32 * 2 + 8 * (4 * 1 + 9 * 2)
    assert memory.activations == 8 * 2 + 36 * (4 + 4 + 2) + 8 * 36 * (1 + 2)
    assert memory.bytes == (240 + 1240) // 8


def test_there_are_fifteen_searched_schemes():
    assert len(SCHEMES) == 15
    for scheme in SCHEMES.values():
        assert all(scheme.convolutions - scheme.biases <= layer < scheme.convolutions for layer, _ in scheme.weights)


@pytest.fixture(scope="module", params=KIB)
def paper_network(request, platform):
    path = MODELS / f"{request.param}.qdq.onnx"
    if not path.is_file():
        pytest.skip(f"{MODELS} holds no {request.param}.qdq.onnx")
    return request.param, platform.load(path)


def test_searched_schemes_need_the_memory_they_are_named_after(platform, paper_network):
    name, graph = paper_network
    for scheme, kib in KIB[name].items():
        chosen = platform.create(UpdateSelector, "sparse", {"scheme": f"{name}-{scheme}"}).select(graph)
        assert len(chosen.layers) == SCHEMES[f"{name}-{scheme}"].biases
        assert round(extra_memory(graph, chosen).bytes / 1024, 1) == kib


def test_a_scheme_of_another_network_is_refused(platform, paper_network):
    name, graph = paper_network
    for scheme in SCHEMES:
        if not scheme.startswith(name):
            with pytest.raises(InputError, match="was searched for"):
                platform.create(UpdateSelector, "sparse", {"scheme": scheme}).select(graph)
