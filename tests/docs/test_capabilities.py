"""The table of networks and methods is whole, and what it says of a network is what the network answers."""

import pytest
from capabilities import DOCS, checked_against, methods, page, read
from target_layers import built

from raybench.attributions import bind
from raybench.base import RaybenchError
from raybench.benchmark.suite import load_suite
from raybench.checkpoints import network_from_module

TRIALS = read(DOCS / "capabilities.csv")


def test_every_method_was_tried_on_every_network_and_the_page_says_so():
    pairs = {(one.network, one.method) for one in TRIALS}
    networks = {one.network for one in TRIALS}
    wanted = {(network, method) for network in networks for method in methods()}
    untried = sorted({method for _, method in wanted - pairs})
    assert not untried, f"run python tests/acceptance/capabilities.py, which tries {', '.join(untried)}"
    assert pairs == wanted
    assert len(networks) >= 60
    assert (DOCS / "capabilities.md").read_text(encoding="utf-8") == page(TRIALS)


def test_every_method_says_what_it_was_checked_against():
    missing = set(methods()) - checked_against().keys()
    assert not missing, (
        f"docs/methods.md has no row for {sorted(missing)} under what each was checked against"
    )


def test_the_suite_of_all_methods_holds_all():
    asked = {choice.name for choice in load_suite("methods-shapes")[0].attribution_choices}
    assert not set(methods()) - asked


@pytest.mark.parametrize("name", ["squeezenet1_1", "timm:mixer_s32_224"])
def test_a_network_refuses_what_the_table_says(name):
    module, size = built(name)
    network = network_from_module(module, name="tried", classes="imagenet1k", input_size=size)
    for one in (one for one in TRIALS if one.network == name):
        refused = " " in one.outcome
        try:
            bind(one.method).check(network)
        except RaybenchError:
            assert refused, one
        else:
            # some see it on a picture alone
            assert not refused or one.method.startswith(("contrastive", "kernel")), one
