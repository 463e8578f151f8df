"""What operations declare that they honour, beside what the source of their feature names."""

import ast
from collections.abc import Iterator
from pathlib import Path

from sagemaker_emulator.aws.dispatch import honoured, operations, service_model
from sagemaker_emulator.aws.members import is_honoured, paths_of


def undeclared(service: str) -> list[str]:
    """The operations of a service that do not declare what they honour."""
    return [
        name for owner, name in operations if owner == service and (owner, name) not in honoured
    ]


def unread(service: str, package: Path) -> list[str]:
    """`Operation: member` for each member that is declared, but that no code of a folder names.

    A member that is declared with all that is below it need only be named itself: it is kept, and
    shown, whole.
    """
    named = {text for file in package.rglob("*.py") for text in _texts(ast.parse(file.read_text()))}
    return [
        f"{name}: {path}"
        for (owner, name), honours in honoured.items()
        if owner == service
        for path in honours
        if path.rpartition(".")[2] not in named
    ]


def misspelt(service: str) -> list[str]:
    """`Operation: member` for each member that is declared, but that the request does not have."""
    return [
        f"{name}: {path}"
        for (owner, name), honours in honoured.items()
        if owner == service
        for path in honours
        if not any(
            is_honoured(each, (path,))
            for each in paths_of(service_model(service).operation_model(name).input_shape)
        )
    ]


def _texts(tree: ast.AST) -> Iterator[str]:
    """All texts of a module, but for docstrings and what `honours=` declares."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.keyword) and node.arg == "honours":
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        yield from _texts(node)
