"""Searching tasks over HTTP: what is found, what never is, and in which order."""

import unicodedata
from typing import Any

import pytest

from tests.cast import Cast, Person

OPERATORS = [
    '"', "'", "*", ":", "&", "|", "!", "(", ")", "<->", "-", "\\", "^", "~", "+", "{", "}", "@",
    "%", "_", "?", "$", ";", "--", "/*", "\t", "\x1f", "\x7f", "\u200b", "😀", "\U0010ffff",
]  # fmt: skip
EVERY_TEXT = ["title", "description", "details", "test_strategy"]


async def _found(person: Person, q: str, **params: Any) -> list[str]:
    page = await person.get("/tasks", q=q, sort="key", limit=200, **params)
    return [one["key"] for one in page["items"]]


async def _best(person: Person, q: str, **params: Any) -> list[str]:
    page = await person.get("/tasks", q=q, sort="relevance", **params)
    return [one["key"] for one in page["items"]]


@pytest.mark.parametrize("field", EVERY_TEXT)
async def test_a_word_and_its_beginning_are_found_in_every_text(ada: Person, field: str) -> None:
    await ada.a_project()
    await ada.a_task(**{"title": "Other", field: "Repair the carburettor, quickly"})
    await ada.a_task(title="Carbon")

    assert await _found(ada, "carburettor") == ["API-1"]
    assert await _found(ada, "carb") == ["API-1", "API-2"]
    assert await _found(ada, "CARB quick") == ["API-1"]
    assert await _found(ada, "burettor") == []
    assert await _found(ada, "carburettors") == []


async def test_a_comment_is_found_as_long_as_it_says_so(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    said = await ada.post("/tasks/API-1/comments", {"body": "Ask the plumber"})
    await ada.post("/tasks/API-1/comments", {"body": "Ask the gardener"})
    before = [await _found(ada, q) for q in ("plumber", "gardener", "plumber gardener")]

    await ada.patch(f"/tasks/API-1/comments/{said['id']}", {"body": "Ask the joiner"})
    edited = [await _found(ada, q) for q in ("plumber", "joiner", "gardener")]
    await ada.delete(f"/tasks/API-1/comments/{said['id']}")
    removed = [await _found(ada, q) for q in ("joiner", "gardener", "ask")]

    assert before == [["API-1"]] * 3
    assert edited == [[], ["API-1"], ["API-1"]]
    assert removed == [[], ["API-1"], ["API-1"]]


@pytest.mark.parametrize("field", EVERY_TEXT)
async def test_a_changed_text_is_found_by_its_new_words_alone(ada: Person, field: str) -> None:
    await ada.a_project()
    await ada.a_task(**{"title": "Plain", "description": "Always", field: "walrus"})

    await ada.patch("/tasks/API-1", {field: "giraffe"})

    assert await _found(ada, "walrus") == []
    assert await _found(ada, "giraffe") == ["API-1"]
    if field != "description":
        assert await _found(ada, "always") == ["API-1"]


async def test_texts_changed_by_a_bulk_change_are_found_anew(ada: Person) -> None:
    await ada.a_project()
    items = [await ada.a_task(title=f"walrus {n}") for n in range(3)]
    changes = [{"task": one["key"], "version": 1, "title": "giraffe"} for one in items[:2]]

    await ada.patch("/tasks", {"items": changes})

    assert await _found(ada, "walrus") == ["API-3"]
    assert await _found(ada, "giraffe") == ["API-1", "API-2"]


@pytest.mark.parametrize(
    ("q", "expected"),
    [("API-1", "API-1 API-10 API-11"), ("api-11", "API-11"), ("api 2", "API-2"), ("11", "API-11")],
)
async def test_a_key_is_found_by_its_words(ada: Person, q: str, expected: str) -> None:
    await ada.a_project()
    for _ in range(11):
        await ada.a_task()

    assert await _found(ada, q) == sorted(expected.split(), key=lambda key: int(key[4:]))
    assert (await _best(ada, q))[:1] == expected.split()[:1]


async def test_a_transferred_task_is_found_by_its_new_key(ada: Person) -> None:
    await ada.a_project("API")
    await ada.a_project("WEB")
    await ada.a_task("API")

    await ada.patch("/tasks/API-1/project", {"project": "WEB"})

    assert await _found(ada, "WEB-1") == ["WEB-1"]


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Crème brûlée", "creme BRULEE"),
        ("creme brulee", "CRÈME brûl"),
        (unicodedata.normalize("NFD", "Ångström"), "ångström"),
        ("Ångström", unicodedata.normalize("NFD", "ångström")),
        ("Straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("ﬁnal oﬀice", "final office"),
        ("version ２０２６", "2026"),  # noqa: RUF001
        ("İstanbul", "istanbul"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Ёлка и ель", "елка"),
        ("日本語のテスト", "日本"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("한국어", "한국"),
        ("हिन्दी भाषा", "हिन्दी"),
        ("ไทย", "ไท"),
        ("عَرَبِيّ", "عربي"),
        ("𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "unicode"),  # noqa: RUF001
        ("\U00020000\U00020001", "\U00020000"),
        ("rocket 🚀 science", "science 🚀 rocket"),
        ("x² + y²", "x2"),
        ("snake_case", "case"),
        ("don't", "don t"),
        ("C++ and C#", "c"),
    ],
)
async def test_writing_it_in_another_way_finds_the_same(ada: Person, text: str, q: str) -> None:
    await ada.a_project()
    await ada.a_task(title=text)
    await ada.a_task(title="Nothing")

    assert await _found(ada, q) == ["API-1"]
    assert await _best(ada, q) == ["API-1"]


@pytest.mark.parametrize("operator", OPERATORS)
async def test_an_operator_of_a_database_means_nothing(ada: Person, operator: str) -> None:
    await ada.a_project()
    await ada.a_task(title="alpha beta")
    await ada.a_task(title="alpha gamma")

    for q in (f"alpha {operator} bet", f"{operator}alpha{operator}beta{operator}"):
        assert await _found(ada, q) == ["API-1"]
    assert await _found(ada, operator * 3) in ([], ["API-1", "API-2"])


@pytest.mark.parametrize("word", ["AND", "OR", "NOT", "NEAR", "title_words", "NULL", "true"])
async def test_a_keyword_of_a_database_is_a_word(ada: Person, word: str) -> None:
    await ada.a_project()
    await ada.a_task(title=f"alpha {word} beta")
    await ada.a_task(title="alpha beta")

    assert await _found(ada, f"alpha {word} beta") == ["API-1"]
    assert await _found(ada, f"{word}(alpha beta, 2)"[:10]) in ([], ["API-1"])


async def test_a_nul_is_refused(ada: Person) -> None:
    refused = await ada.call("GET", "/tasks?q=a%00b")

    assert refused.status_code == 400


async def test_words_as_long_as_a_query_are_found_by_their_first_64_characters(
    ada: Person,
) -> None:
    await ada.a_project()
    for n in (63, 64, 65, 200):
        await ada.a_task(title="a" * n)

    assert await _found(ada, "a" * 63) == ["API-1", "API-2", "API-3", "API-4"]
    for n in (64, 65, 200):
        assert await _found(ada, "a" * n) == ["API-2", "API-3", "API-4"]
    assert (await ada.call("GET", "/tasks", params={"q": "a" * 201})).status_code == 400


@pytest.mark.parametrize("sort", ["newest", "relevance"])
async def test_as_many_words_as_a_query_takes_are_looked_for(ada: Person, sort: str) -> None:
    words = " ".join(chr(0x4E00 + n) for n in range(100))
    bracketed = "".join(map(chr, [*range(0x2474, 0x249C), *range(0x3200, 0x321D)]))
    await ada.a_project()
    await ada.a_task(title=words)
    await ada.a_task(title=bracketed)

    for q, key in ((words, "API-1"), (bracketed, "API-2")):
        found = (await ada.get("/tasks", q=q, sort=sort))["items"]
        assert [one["key"] for one in found] == [key]


@pytest.mark.parametrize("alphabet", [0x61, 0x430, 0x4E00, 0x20000])
async def test_a_task_full_of_text_is_saved_and_found(ada: Person, alphabet: int) -> None:
    """As many different words as the fields and many comments take."""

    def words(start: int, count: int) -> str:
        return " ".join(f"{chr(alphabet) * 9}{n:06}" for n in range(start, start + count))

    await ada.a_project()
    await ada.a_task(
        description=words(0, 6000), details=words(10_000, 6000), test_strategy=words(20_000, 6000)
    )
    for n in range(9):
        await ada.post("/tasks/API-1/comments", {"body": words(100_000 + 10_000 * n, 3000)})

    assert await _found(ada, words(15_999, 1)) == ["API-1"]
    assert await _found(ada, words(102_999, 1)) == ["API-1"]


async def test_another_workspace_with_the_same_words_is_never_searched(cast: Cast) -> None:
    for person, title in ((cast.ada, "shared word"), (cast.bob, "shared word too")):
        await person.a_project()
        await person.a_task(title=title)

    assert [await _found(one, "shared word") for one in (cast.ada, cast.bob)] == [["API-1"]] * 2
    assert [await _found(one, "too") for one in (cast.ada, cast.bob)] == [[], ["API-1"]]
    marks = {person.workspace_id.hex[-6:] for person in (cast.ada, cast.bob)}
    assert [await _found(cast.ada, mark) for mark in marks] == [[], []]
    assert [await _best(cast.ada, f"{mark}shared") for mark in marks] == [[], []]


async def test_a_private_project_is_searched_for_its_members_alone(cast: Cast) -> None:
    await cast.ada.a_project("PRIV", visibility="private")
    await cast.ada.a_project("OPEN")
    for project in ("PRIV", "OPEN"):
        await cast.ada.a_task(project, title="secret walrus")
        await cast.ada.post(f"/tasks/{project}-1/comments", {"body": "giraffe"})

    for q in ("secret", "giraffe", "walrus secret"):
        assert await _found(cast.ada, q) == ["OPEN-1", "PRIV-1"]
        assert await _found(cast.grace, q) == ["OPEN-1"]
        assert await _best(cast.grace, q) == ["OPEN-1"]
    assert await _found(cast.grace, "PRIV-1") == []


async def test_what_was_found_is_shown_in_characters(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(
        title="🚀 Crème brûlée",
        description="é" * 300 + " the crème " + "x" * 300,
        details="nothing",
        test_strategy="cre_me creme",
    )
    await ada.post("/tasks/API-1/comments", {"body": "CREMES"})

    [one] = (await ada.get("/tasks", q="creme"))["items"]

    shown = [
        (found["field"], [found["text"][start:end] for start, end in found["ranges"]])
        for found in one["highlights"]
    ]
    assert shown == [
        ("title", ["Crème"]),
        ("description", ["crème"]),
        ("test_strategy", ["creme"]),
    ]
    assert one["highlights"][0]["ranges"] == [[2, 7]]
    [by_key] = (await ada.get("/tasks", q="api-1 cremes"))["items"]
    assert [found["field"] for found in by_key["highlights"]] == ["key", "comments"]
    assert by_key["highlights"][0] == {"field": "key", "text": "API-1", "ranges": [[0, 3], [4, 5]]}
    [plain] = (await ada.get("/tasks"))["items"]
    assert plain["highlights"] == []


async def test_the_best_come_first(ada: Person) -> None:
    await ada.a_project()
    titles = ["Nothing", "carpet", "car", "the car wash", "a carpet in the car", "Carrot carpets"]
    for title in titles:
        await ada.a_task(title=title, description="car")
    await ada.patch("/tasks/API-4", {"priority": "low"})

    # Whole words in the title, beginnings in the title, elsewhere; the last changed first.
    assert await _best(ada, "car") == ["API-4", "API-5", "API-3", "API-6", "API-2", "API-1"]
    assert (await _best(ada, "api-3"))[0] == "API-3"
    assert (await _best(ada, "API-1"))[0] == "API-1"
    assert await _best(ada, "car", limit=2) == ["API-4", "API-5"]


async def test_relevance_is_one_page_of_a_search(ada: Person) -> None:
    await ada.a_project()
    for _ in range(3):
        await ada.a_task(title="walrus")

    page = await ada.get("/tasks", q="walrus", sort="relevance", limit=2)
    newest = await ada.get("/tasks", q="walrus", sort="newest", limit=2)
    params = {"sort": "relevance", "q": "walrus", "cursor": newest["next_cursor"]}
    answers = [
        await ada.call("GET", "/tasks", params={"sort": "relevance"} | more)
        for more in ({}, {"q": ""}, {"q": "!?"}, params)
    ]

    assert page["next_cursor"] is None
    assert len(page["items"]) == 2
    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (422, "task.relevance_without_search"),
        (422, "task.relevance_without_search"),
        (422, "task.relevance_without_search"),
        (422, "cursor.not_understood"),
    ]
