"""Rendering: the Jinja environment of the C templates."""

from __future__ import annotations

from functools import cache

import jinja2

from tinyml_plugins.tinyengine.constants import literal
from tinyml_plugins.tinyengine.depthwise_3x3_assembly import one_row, two_rows
from tinyml_plugins.tinyengine.depthwise_assembly import group
from tinyml_plugins.tinyengine.naming import comment_text


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tinyml_plugins.tinyengine"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # C, not HTML; names from files pass the filter ``comment``
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["depthwise_group"] = group
    environment.globals["depthwise_one_row"] = one_row
    environment.globals["depthwise_two_rows"] = two_rows
    environment.filters["comment"] = comment_text
    environment.filters["literal"] = literal
    environment.filters["times"] = _times
    environment.filters["minus"] = _minus
    return environment


def _times(term: str, factor: int) -> str:
    return term if factor == 1 else f"{term} * {factor}"


def _minus(term: str, amount: int) -> str:
    return term if amount == 0 else f"{term} - {amount}"


def render(template: str, **values: object) -> str:
    """The text of ``templates/<template>`` with ``values``; a name the template lacks is an error."""
    return _environment().get_template(template).render(**values)
