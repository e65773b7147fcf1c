"""The registry of methods and what it says about each."""

import pytest
from calling import METHODS, calling

from raybench import attributions
from raybench.attributions import ATTRIBUTIONS, attribution, bind
from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.benchmark import metrics
from raybench.benchmark.metrics import METRICS

ENTRIES = {entry.name: entry for entry in ATTRIBUTIONS}


def test_the_methods_that_published_tables_name_are_registered():
    assert ENTRIES.keys() >= {
        *("grad_cam", "grad_cam_elementwise", "gradient"),
        *("excitation_backprop", "contrastive_excitation_backprop"),
        *("rise", "integrated_gradients", "attention_rollout", "raw_attention"),
        *("lrp_epsilon_plus_flat", "lrp_epsilon_plus", "lrp_alpha_beta", "lrp_epsilon_gamma_box"),
        *("center", "random", "uniform", "box_oracle"),
    }


def test_kinds_say_what_a_method_needs():
    without_network = {name: entry.kind for name, entry in ENTRIES.items() if entry.kind != "network"}
    assert without_network == {
        "center": "dense",
        "center_gaussian": "dense",
        "random": "dense",
        "uniform": "dense",
        "box_oracle": "dense",
    }


@pytest.mark.parametrize("method", METHODS)
def test_maps_that_a_protocol_may_smooth_are_those_of_pixels(method, small, small_queries):
    height, width = calling(method)(small, *small_queries).shape[1:]
    assert not ENTRIES[method].smoothed or (height, width) == small_queries.images.shape[2:]


@pytest.mark.parametrize("name", ENTRIES)
def test_every_method_says_what_it_is(name):
    entry = ENTRIES[name]
    assert entry.summary.endswith((".", ")"))
    assert len(entry.summary) < 120
    assert entry.source or entry.kind == "dense"


def test_options_are_the_keyword_only_parameters():
    assert ENTRIES["grad_cam"].options == {"layer": None}
    assert ENTRIES["contrastive_excitation_backprop"].options == {"layer": None, "contrast_layer": None}
    assert ENTRIES["gradient"].options == {"colours": "max"}
    assert ENTRIES["center"].options == {}


def test_bound_options_reach_the_method(small, small_queries):
    bound = bind("grad_cam", {"layer": "stem"}, label="grad_cam at the stem")
    assert bound.label == "grad_cam at the stem"
    assert bind("grad_cam").label == "grad_cam"
    assert bound(small, *small_queries).shape == (4, 4, 6)


def test_unknown_method_and_option_are_refused():
    with pytest.raises(UnknownNameError, match="unknown attribution 'gradcam'; did you mean 'grad_cam'"):
        bind("gradcam")
    with pytest.raises(RaybenchError, match="'grad_cam' has no option 'layers'; its options: layer"):
        bind("grad_cam", {"layers": "layer4"})


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(RaybenchError, match="attribution 'gradient' is registered already"):
        attribution("gradient")(lambda: None)


def test_every_method_stands_under_a_family():
    families = {entry.family for entry in ATTRIBUTIONS if "." not in entry.name}
    assert families == {"activation", "attention", "baseline", "gradient", "perturbation", "relevance"}


NETWORK_METHODS = [entry for entry in ATTRIBUTIONS if entry.kind == "network"]


@pytest.mark.parametrize("entry", NETWORK_METHODS, ids=lambda entry: entry.name)
def test_a_method_that_is_checked_says_what_networks_it_fits(entry):
    assert (entry.fits == "all") == (entry.check is ATTRIBUTIONS.get("gradient").check)


@pytest.mark.parametrize(("room", "registry"), [(attributions, ATTRIBUTIONS), (metrics, METRICS)])
def test_the_room_hands_out_every_entry_by_its_name_and_nothing_else(room, registry):
    ours = [entry for entry in registry if "." not in entry.name]
    assert all(getattr(room, entry.name) is entry.function for entry in ours)
    assert not hasattr(room, "gradcam")
