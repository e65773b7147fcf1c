"""`raybench schema`: what suites and cards may say, for editors that complete and check as one writes."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer

from ..options import Out

EXAMPLE = "Example: raybench schema suite -o suite.schema.json"

LANGUAGE_SERVER = "# yaml-language-server: $schema={}\n"
"""First line of a YAML file whose schema lies at that path."""

Document = Literal["suite", "card"]


def schema(
    document: Annotated[Document, typer.Argument(help="Which kind of YAML file.")],
    out: Out = None,
) -> None:
    """Write the JSON schema of a suite or a card; a YAML file names it in its first line for editors."""
    text = json.dumps(schema_of(document), indent=1) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    typer.echo(f"first line of the {document}: {LANGUAGE_SERVER.format(out)}", nl=False, err=True)


def schema_of(document: Document) -> dict[str, Any]:
    """Return the schema of a kind of document; it proposes the names that are registered."""
    from ...base import looking_only

    with looking_only("attributions", "metrics", "datasets"):
        from ...attributions import ATTRIBUTIONS
        from ...benchmark.datasets import DATASETS
        from ...benchmark.metrics import METRICS
        from ...benchmark.suite import PROTOCOLS, Suite
        from ...checkpoints import Card, card_files

        made = (Suite if document == "suite" else Card).model_json_schema()
        known = {
            "attributions": [entry.name for entry in ATTRIBUTIONS],
            "metrics": [entry.name for entry in METRICS],
            "checkpoints": list(card_files()),
            "dataset": [entry.name for entry in DATASETS],
            "protocol": list(PROTOCOLS),
        }
    for key, names in known.items() if document == "suite" else ():
        place = made["properties"][key]
        place = place.get("items", place)
        place["anyOf"] = [{"enum": names}, *place.pop("anyOf", [{"type": place.pop("type", "string")}])]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
