"""Laws of size (HOUSE.md A5): what outgrows them is split by concept."""

import ast

from tests.laws.sources import sources

FILE, FUNCTION, SERVICE, CONSTRUCTOR = 400, 40, 12, 6

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_file_is_longer_than_the_law() -> None:
    lengths = {source.name: len(source.text.splitlines()) for source in sources()}

    long = {name: length for name, length in lengths.items() if length > FILE}

    assert len(lengths) > 100
    assert long == {}


def test_no_function_does_more_than_the_law() -> None:
    """Lines of what it does: the declaration of parameters and the docstring do not count."""
    lengths = {
        f"{source.name}: {function.name}": _lines_of(function)
        for source in sources()
        for function in source.functions()
    }

    long = {name: length for name, length in lengths.items() if length > FUNCTION}

    assert len(lengths) > 500
    assert long == {}


def test_no_service_has_more_verbs_than_the_law() -> None:
    verbs = {
        service.name: [
            one.name
            for one in service.body
            if isinstance(one, Function) and not one.name.startswith("_")
        ]
        for source in sources()
        for service in source.classes()
        if service.name.endswith("Service")
    }

    long = {name: len(found) for name, found in verbs.items() if len(found) > SERVICE}

    assert len(verbs) > 8
    assert long == {}


def test_no_constructor_takes_more_than_the_law() -> None:
    takes = {
        f"{source.name}: {one.name}": len(function.args.args) + len(function.args.kwonlyargs) - 1
        for source in sources()
        for one in source.classes()
        for function in one.body
        if isinstance(function, Function) and function.name == "__init__"
    }

    long = {name: count for name, count in takes.items() if count > CONSTRUCTOR}

    assert len(takes) > 20
    assert long == {}


def _lines_of(function: Function) -> int:
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
