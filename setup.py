"""Maps the top-level folders into the one import name `raybench`; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = ("attributions", "benchmark", "checkpoints", "training", "results", "suites")
DATA = ("yaml", "csv", "json", "txt", "safetensors", "html", "css", "js")
own = find_packages(include=["raybench", "raybench.*"])
nested = [name for name in find_packages() if name.split(".")[0] in FOLDERS]

setup(
    packages=[*own, *(f"raybench.{name}" for name in nested)],
    package_dir={"raybench": "raybench", **{f"raybench.{folder}": folder for folder in FOLDERS}},
    # Data stands in packages and in plain folders at any depth below them, such as checkpoints/cards.
    package_data={"": ["py.typed", *(f"**/*.{kind}" for kind in DATA)]},
)
