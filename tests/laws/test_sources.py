"""Laws of the sources: where statements run, who commits, who asks the clock, who catches all."""

import ast
import io
import re
import tokenize

from tests.laws.sources import Source, sources

RUNS_STATEMENTS = {
    "repository",
    "edges",
    "belongings",
    "candidates",
    "leases",
    "listing",
    "outcomes",
    "liveness_reading",
    "labels",
    "graph_reading",
    "parts",
    "recurrences",
    "run_reading",
    "search",
    "sources",
    "summaries",
}
"""The modules of a feature that may run statements."""

RUNS_STATEMENTS_ELSEWHERE = {
    "nexus/entrypoints/archives.py",
    "nexus/platform/backups.py",
    "nexus/platform/database.py",
    "nexus/platform/direct.py",
    "nexus/platform/http/idempotency.py",
    "nexus/platform/jobs/lease.py",
    "nexus/platform/jobs/store.py",
    "nexus/platform/listening.py",
    "nexus/platform/migrating.py",
    "nexus/platform/prepared.py",
    "nexus/platform/redis.py",
    "nexus/platform/schema.py",
    "nexus/platform/sqlite.py",
}
COMMITS = {"nexus/platform/database.py", "nexus/platform/migrating.py"}
ASKS_THE_CLOCK = {"nexus/platform/clock.py", "nexus/platform/cli.py"}
CATCHES_ALL = {
    "nexus/platform/http/outermost.py",
    "nexus/platform/http/unit_of_work.py",
    "nexus/platform/jobs/lease.py",
    "nexus/platform/tracing.py",
}
"""Outside features, where `except Exception` ends what must not fall through."""

EVENT_NAME = re.compile(r"[a-z]+(?:_[a-z]+)*(?:\.[a-z]+(?:_[a-z]+)*)+")


def test_statements_run_only_where_sql_lives() -> None:
    running = {source.name for source in sources() if any(source.calls_of("execute"))}

    elsewhere = {
        source.name
        for source in sources()
        if source.name in running
        and not (source.feature and source.room in RUNS_STATEMENTS)
        and source.name not in RUNS_STATEMENTS_ELSEWHERE
    }

    assert len(running) > 10
    assert elsewhere == set()
    assert running >= RUNS_STATEMENTS_ELSEWHERE


def test_nobody_commits_but_the_boundary() -> None:
    committing = {source.name for source in sources() if any(source.calls_of("commit"))}

    assert committing
    assert committing <= COMMITS


def test_nobody_asks_the_clock_but_the_platform() -> None:
    asking = {
        source.name
        for source in sources()
        for call in source.calls_of("now", "utcnow", "today")
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) != "func"
    }

    assert asking == ASKS_THE_CLOCK


def test_no_feature_catches_everything_outside_its_jobs() -> None:
    catching = {
        source.name: source
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    }

    elsewhere = {
        name
        for name, source in catching.items()
        if not (source.feature and source.room == "jobs") and name not in CATCHES_ALL
    }

    assert elsewhere == set()


def test_nothing_is_left_to_do_in_a_comment() -> None:
    left = [
        f"{source.name}: {comment}"
        for source in sources()
        for comment in _comments(source)
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", comment)
    ]

    assert left == []


def test_every_module_begins_with_one_sentence() -> None:
    wrong = [
        source.name
        for source in sources()
        if not re.fullmatch(r"[A-Z`].*[.:]", _first_paragraph(source), re.DOTALL)
    ]

    assert wrong == []


def test_a_log_line_is_an_event_name_and_fields() -> None:
    calls = [
        (source.name, call)
        for source in sources()
        for call in source.calls_of("debug", "info", "warning", "error", "exception")
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "log"
    ]

    wrong = [
        f"{name}:{call.lineno}"
        for name, call in calls
        if len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or not EVENT_NAME.fullmatch(str(call.args[0].value))
    ]

    assert len(calls) > 5
    assert wrong == []


def test_a_rule_of_the_domain_asks_no_clock_no_chance_and_no_database() -> None:
    forbidden = {"nexus.platform.clock", "nexus.platform.ids", "random", "secrets", "sqlalchemy"}
    domains = [source for source in sources() if source.feature and source.room == "domain"]

    wrong = [
        f"{source.name} imports {module}"
        for source in domains
        for module in _imported(source)
        if module in forbidden or module.split(".")[0] in forbidden
    ]

    assert len(domains) > 5
    assert wrong == []


def _first_paragraph(source: Source) -> str:
    return (ast.get_docstring(source.tree) or "").split("\n\n")[0]


def _catches_all(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds
    )


def _comments(source: Source) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def _imported(source: Source) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
