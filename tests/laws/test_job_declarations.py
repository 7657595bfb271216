"""Laws of jobs: what they are called, and who knows the engine behind them."""

import ast
import inspect
import re
from collections import Counter
from pathlib import Path

from sqlalchemy import inspect as look_at

from nexus.entrypoints.manifest import JOBS
from nexus.platform.columns import Base
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.declaring import Job
from nexus.platform.jobs.store import job_engine, migrate_jobs
from tests.laws.sources import Source, sources

KNOWS_THE_ENGINE = {"nexus/platform/jobs/engine.py", "nexus/platform/jobs/store.py"}
NOT_FREE = re.compile(r"dbos[-_.]*enterprise|conductor|auto_?upgrade|sharding", re.IGNORECASE)
"""What of the engine needs a licence; see decision 0024."""

NAME = re.compile(r"(?P<area>[a-z]+)\.[a-z]+(?:_[a-z]+)+")


def test_every_job_is_named_for_its_feature_and_what_it_does() -> None:
    names = Counter(job.name for job in JOBS)

    wrong = [
        job.name
        for job in JOBS
        if not (found := NAME.fullmatch(job.name)) or found["area"] != _area(job)
    ]

    assert len(JOBS) > 5
    assert wrong == []
    assert [name for name, times in names.items() if times > 1] == []


def test_every_job_says_in_one_sentence_what_it_does() -> None:
    wrong = [
        job.name
        for job in JOBS
        if not re.fullmatch(r"[A-Z][^.!?\n]*\.", inspect.getdoc(job.act) or "")
    ]

    assert wrong == []


def test_every_job_that_is_declared_is_served() -> None:
    served = {job.act.__module__ for job in JOBS}

    declaring = {
        source.name.removesuffix(".py").replace("/", ".")
        for source in sources()
        for function in source.functions()
        if any(ast.unparse(one).startswith("job(") for one in function.decorator_list)
    }

    assert declaring == served


def test_two_modules_alone_know_the_engine() -> None:
    knowing = {source.name for source in sources() if "dbos" in _imported(source)}

    assert knowing == KNOWS_THE_ENGINE


def test_nothing_of_the_engine_that_needs_a_licence_is_used(root: Path) -> None:
    texts = {source.name: source.text for source in sources()}
    texts["pyproject.toml"] = (root / "pyproject.toml").read_text()

    using = {
        name: found.group() for name, text in texts.items() if (found := NOT_FREE.search(text))
    }

    assert using == {}


def test_the_tables_of_the_engine_have_no_name_of_ours(tmp_path: Path) -> None:
    url = understand_url(f"sqlite:///{tmp_path}/nexus.db")
    migrate_jobs(url)
    engine = job_engine(url, pool_size=1)
    theirs = set(look_at(engine).get_table_names())
    engine.dispose()

    both = theirs & {*Base.metadata.tables, "alembic_version"}

    assert "workflow_status" in theirs
    assert len(Base.metadata.tables) > 20
    assert both == set()


def _area(job: Job) -> str:
    """The feature that it belongs to, or `platform`."""
    _, storey, *below = job.act.__module__.split(".")
    return below[0] if storey == "features" else storey


def _imported(source: Source) -> set[str]:
    """The packages that a file imports from."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
