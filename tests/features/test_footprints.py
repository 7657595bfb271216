"""Footprints: patterns are tidied, and no two that can match one path are taken for apart."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.features.tasks.errors import FootprintNotUsable
from nexus.features.tasks.footprints import checked, overlapping
from tests.cast import Person
from tests.features.people import refusal

NAMES = st.text("ab", min_size=1, max_size=3)
SEGMENTS = st.one_of(
    st.just("**"), st.text("ab*?", min_size=1, max_size=4).filter(lambda text: "**" not in text)
)
GLOBS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        (["src/api/"], ["src/api"]),
        (["./src"], ["src"]),
        ([" docs/*.md "], ["docs/*.md"]),
        (["src\\api\\*.py"], ["src/api/*.py"]),
        (["a//b///c"], ["a/b/c"]),
        (["b", "a", "b", "./a"], ["a", "b"]),
        (["**"], ["**"]),
        (["./././src"], ["src"]),
        (["a/./b"], ["a/b"]),
        ([], []),
    ],
)
def test_patterns_are_kept_tidy_and_each_once(given_: list[str], kept: list[str]) -> None:
    found = checked(given_)

    assert list(found) == kept
    assert checked(found) == found


@pytest.mark.parametrize("glob", ["", " ", "/", "/etc/passwd", "../x", "a/../b", "a/.."])
def test_what_leads_nowhere_or_out_is_refused(glob: str) -> None:
    with pytest.raises(FootprintNotUsable):
        checked(["src", glob])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("src/api/**", "src/api/tasks.py"),
        ("src/api", "src/api/deep/tasks.py"),
        ("src/api", "src/api"),
        ("src", "src/**/*.py"),
        ("**/*.py", "src/a.py"),
        ("**/*.py", "a.py"),
        ("**", "anything/at/all.txt"),
        ("src/*.py", "src/a*.py"),
        ("src/?.py", "src/*.py"),
        ("*/b", "a/*"),
        ("**/a/**", "**/b/**"),
        ("a*b", "*ab*"),
        ("Makefile", "Makefile"),
        (".github", ".github/workflows/ci.yml"),
        ("src/v1.2", "src/v1.2/api.py"),
        ("src/v1.2/", "src/v1.2/api.py"),
        (".", "src/a.py"),
    ],
)
def test_patterns_that_could_meet_overlap_from_either_side(one: str, other: str) -> None:
    left, right = checked([one]), checked([other])

    assert overlapping(left, right) == (*left, *right)
    assert overlapping(right, left) == (*right, *left)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("src/api/**", "src/web/**"),
        ("src/api", "src/apidocs"),
        ("src/*.py", "src/deep/a.py"),
        ("*.py", "*.md"),
        ("a.py", "src/a.py"),
        ("src/a?.py", "src/a.py"),
        ("docs", "src/docs"),
        ("a/*/c.py", "a/c.py"),
    ],
)
def test_patterns_that_cannot_meet_are_apart(one: str, other: str) -> None:
    left, right = checked([one]), checked([other])

    assert overlapping(left, right) is None
    assert overlapping(right, left) is None


def test_the_first_pair_that_overlaps_is_named() -> None:
    ours, theirs = ("docs", "src/a.py", "src/b.py"), ("src/b.py", "src/a.py")

    pair = overlapping(ours, theirs)

    assert pair == ("src/a.py", "src/a.py")
    assert overlapping(ours, ()) is overlapping((), theirs) is None


@given(one=GLOBS, other=GLOBS, path=PATHS)
def test_two_patterns_that_match_one_path_overlap(one: str, other: str, path: str) -> None:
    is_matched_by_both = matches(one, path) and matches(other, path)

    found = overlapping([one], [other])

    assert found is not None or not is_matched_by_both


@given(glob=GLOBS, path=PATHS, other=GLOBS)
def test_a_plain_path_overlaps_what_matches_it(glob: str, path: str, other: str) -> None:
    is_matched = matches(glob, path)

    found = overlapping([path], [glob])

    assert found is not None or not is_matched
    assert (overlapping([glob], [other]) is None) == (overlapping([other], [glob]) is None)


@given(path=PATHS, glob=st.lists(NAMES, min_size=1, max_size=3).map("/".join))
def test_a_file_is_apart_from_folders_that_it_is_not_in(path: str, glob: str) -> None:
    is_within = path == glob or path.startswith(f"{glob}/") or glob.startswith(f"{path}/")

    found = overlapping([f"{path}.py"], [f"{glob}/**"])

    assert found is None or is_within or f"{path}.py".startswith(f"{glob}/")


async def test_a_footprint_is_kept_tidy_and_what_is_none_is_refused(ada: Person) -> None:
    await ada.a_project()

    task = await ada.a_task(footprint=["./src//api/", "docs\\*.md"])
    changed = await ada.patch("/tasks/API-1", {"footprint": ["src/web"]})
    refused = await ada.call("PATCH", "/tasks/API-1", json={"footprint": ["../x"]})

    assert task["footprint"] == ["docs/*.md", "src/api"]
    assert changed["footprint"] == ["src/web"]
    assert refusal(refused) == (422, "task.footprint_not_usable")
    event = await ada.last_event()
    assert event["payload"]["changes"]["footprint"] == [["docs/*.md", "src/api"], ["src/web"]]


def matches(glob: str, path: str) -> bool:
    """By a regular expression: `**` is any folders, `*` and `?` stay within a name.

    A pattern whose last name has no wildcard but `?` and no dot stands for all below it too.
    """
    patterns = [glob]
    last = glob.rsplit("/", maxsplit=1)[-1]
    if "*" not in last and "." not in last:
        patterns.append(f"{glob}/**")
    return any(re.fullmatch(_expression(one), f"{path}/") for one in patterns)


def _expression(glob: str) -> str:
    written = {"**": "(?:[^/]+/)*"}
    names = {"*": "[^/]*", "?": "[^/]"}
    return "".join(
        written.get(segment) or "".join(names.get(c) or re.escape(c) for c in segment) + "/"
        for segment in glob.split("/")
    )
