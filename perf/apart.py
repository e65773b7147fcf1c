"""Runs a function in a fresh process, so that no measurement inherits memory, caches or threads of another.

    python -m perf.apart perf.sections.evaluation:run '{"way": "forward", ...}'

is what the fresh process is started as; its last line is the result as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .options import Options

ROOT = Path(__file__).resolve().parent.parent
Result = dict[str, Any]


class MeasurementError(Exception):
    """A measurement failed; the last lines of what it wrote."""


def apart(function: Callable[..., Mapping[str, Any]], options: Options, **arguments: Any) -> Result:
    """Call a function of a module in a fresh process, or in this one if everything is to be quick.

    Args:
        function: takes and returns what JSON can carry.
        options: says how many cores it may use.
        arguments: of the function.

    Returns:
        What the function returned, with `peak_memory_mb` of the process.

    Raises:
        MeasurementError: the function raised, or its process was killed.
    """
    if options.quick:
        return {**function(**arguments), "peak_memory_mb": peak_mb()}
    name = f"{function.__module__}:{function.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "perf.apart", name, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(options),
    )
    if done.returncode:
        raise MeasurementError(f"{name} {arguments}:\n{done.stderr[-2000:]}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def environment(options: Options) -> dict[str, str]:
    """Environment of a process that may use so many cores, with this checkout first on its path."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"OMP_NUM_THREADS": str(options.cores), "PYTHONPATH": path}


def peak_mb() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    """Call what the command line names and print the result."""
    module, _, name = sys.argv[1].partition(":")
    result = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    print(json.dumps({**result, "peak_memory_mb": peak_mb()}))


if __name__ == "__main__":
    main()
