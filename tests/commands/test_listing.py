"""`raybench list` shows what there is without waiting for torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from raybench.base.stand_ins import stand_ins
from raybench.commands.reading.listing import _LISTS

LOOK = """
import sys
from raybench.base import looking_only
from raybench.commands.reading.listing import _LISTS
with looking_only({noun!r}):
    print(_LISTS[{noun!r}]())
assert "torch" not in sys.modules, "torch was imported, or its stand-in was left behind"
{then}
"""


def look(noun: str, then: str = "") -> str:
    code = LOOK.format(noun=noun, then=then)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("noun", list(_LISTS))
def test_names_and_facts_are_those_of_the_real_import(noun):
    assert look(noun) == f"{_LISTS[noun]()}\n"


def test_a_later_import_is_a_real_one():
    then = "import torch; from raybench.attributions import uniform\n"
    then += "assert uniform(torch.ones(1, 2, 2, dtype=torch.bool), [0]).sum() > 0"
    look("attributions", then)


def test_a_library_that_is_loaded_stays_itself():
    import torch

    with stand_ins("torch"):
        import torch as again
    assert again is torch
