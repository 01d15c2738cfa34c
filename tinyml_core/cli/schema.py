"""``tinyml schema``: the JSON Schema of a project file, so that editors complete and check it."""

from __future__ import annotations

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.config import Project


@click.command()
@shared_options()
def command(session: Session) -> None:
    """Print the JSON Schema of a project file.

    Save it and name it in the first line of project.yaml:
    # yaml-language-server: $schema=tinyml.schema.json
    """
    import json

    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Project.model_json_schema()}
    session.print(schema, json.dumps(schema, indent=2))
