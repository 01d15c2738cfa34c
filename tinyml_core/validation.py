"""Validation messages: every problem of a checked document in one sentence, each with its key and remedy."""

from __future__ import annotations

import difflib
from typing import get_args

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """All problems found by pydantic, as ``key.key: problem`` joined by semicolons; unknown keys get a near match."""
    problems = []
    for detail in error.errors(include_url=False, include_context=False):
        *above, last = detail["loc"] or ("",)
        unknown = detail["type"] == "extra_forbidden"  # then the last part is the user's own text
        place = [part for part in above if not _is_branch(part)]
        place += [last] if unknown or not _is_branch(last) else []
        key = ".".join(str(part) for part in place) or "the document"
        if unknown:
            known = _known_keys(model, [str(part) for part in place[:-1]])
            near = difflib.get_close_matches(str(place[-1]), known, 1)
            problems.append(
                f"{key}: unknown key" + (f", did you mean {near[0]!r}?" if near else f", known are {', '.join(known)}")
            )
        else:
            message = detail["msg"].removeprefix("Value error, ")
            problems.append(f"{key}: {message[:1].lower()}{message[1:]}")
    return "; ".join(dict.fromkeys(problems))


def _is_branch(part: int | str) -> bool:
    """Whether pydantic, not the document, says this: the branch of a union, such as ``function-before[...]``."""
    return isinstance(part, str) and "[" in part


def _known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys a section knows, following ``path`` through nested models."""
    for part in path:
        field = model.model_fields.get(part)
        if field is None:
            continue  # an index of a list, or a union's branch
        model = next((m for m in _models(field.annotation)), model)
    return list(model.model_fields)


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
