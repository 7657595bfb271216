"""The tokeniser and the highlights: pure, against what they promise."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nexus.features.tasks.highlights import BEFORE, MAX_HIGHLIGHTS, WIDTH, Highlight, highlights
from nexus.platform.tokens import MAX_TOKEN, starting_with, tokenise

thorough = settings(max_examples=300, deadline=None, derandomize=True, database=None)
anything = st.text(max_size=80)
pieces = st.text(alphabet="abcéÅß日本が \uff0e_-'1²\n", min_size=1, max_size=12)
prose = st.lists(pieces, max_size=60).map("".join)


def _marked(found: Highlight) -> list[str]:
    return [found.text[start:end] for start, end in found.ranges]


@thorough
@given(anything)
def test_tokens_are_alphanumeric_without_case_or_accents(text: str) -> None:
    for token in tokenise(text):
        assert 0 < len(token) <= MAX_TOKEN
        assert token.isalnum()
        assert not any(map(unicodedata.combining, token))
        assert tokenise(token) == [token]


@thorough
@given(anything)
@example("ŉ İ ſ K ẞ ﷺ")  # noqa: RUF001
def test_case_and_normal_forms_make_no_difference(text: str) -> None:
    tokens = tokenise(text)

    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert tokenise(unicodedata.normalize(form, text)) == tokens
    assert tokenise(text.casefold()) == tokens


@thorough
@given(anything, anything)
def test_a_break_between_two_texts_adds_up(one: str, other: str) -> None:
    assert tokenise(f"{one}\n{other}") == tokenise(one) + tokenise(other)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't panic!", "don t panic"),
        ("snake_case, kebab-case", "snake case kebab case"),
        ("Crème brûlée", "creme brulee"),
        ("x² ½", "x2 1 2"),
        ("", ""),
        ("_-_ 🚀", ""),
        ("a" * 65 + " b", "a" * 64 + " b"),
        ("日本語 テスト", "日本語 テスト"),
    ],
)
def test_a_text_is_cut_into_tokens(text: str, tokens: str) -> None:
    assert tokenise(text) == tokens.split()


@thorough
@given(st.text(alphabet="ab_ -1é", max_size=60), st.sampled_from(["a", "ab", "b1", "1"]))
def test_a_pattern_finds_the_runs_that_begin_with_a_word(text: str, word: str) -> None:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))

    found = [match[0].lower() for match in starting_with([word]).finditer(bare)]

    assert found == [token for token in tokenise(bare) if token.startswith(word)]


@thorough
@given(prose, st.text(alphabet="abcéÅß日本が1", min_size=1, max_size=4))
@example("zz" + "cat" * 20 + "-cat", "cat")
@example("が " + unicodedata.normalize("NFD", "がく"), "が")
def test_every_range_is_a_run_that_begins_with_a_word(text: str, wanted: str) -> None:
    words = tokenise(wanted)

    [*found] = highlights([("title", text)], words)

    assert bool(found) == any(token.startswith(word) for token in tokenise(text) for word in words)
    for one in found:
        place = text.index(one.text)
        assert len(one.text) <= WIDTH
        assert one.ranges
        for start, end in one.ranges:
            begins = _begins_of_words(text)
            assert any(
                text.startswith(one.text, at) and at + start in begins
                for at in range(place, len(text))
            )
            [first, *_] = tokenise(one.text[start:end])
            assert any(first.startswith(word) for word in words)


def _begins_of_words(text: str) -> set[int]:
    """Where a token can begin: after what is none, accents left aside."""
    kept = [
        (place, part)
        for place, c in enumerate(text)
        for part in unicodedata.normalize("NFKD", c)
        if not unicodedata.combining(part)
    ]
    before = [(-1, " "), *kept]
    return {
        place
        for (place, c), (_, left) in zip(kept, before, strict=False)
        if re.match(r"[^\W_]", c) and not re.match(r"[^\W_]", left)
    }


@pytest.mark.parametrize(
    ("text", "q", "marked"),
    [
        ("Repair the car and the carpet", "car", ["car", "carpet"]),
        ("Crème BRÛLÉE", "brul creme", ["Crème", "BRÛLÉE"]),
        (unicodedata.normalize("NFD", "Über über"), "über", ["Über", "über"]),
        ("Straße", "strasse", ["Straße"]),
        ("日本語のテスト と 日本", "日本", ["日本語のテスト", "日本"]),
        ("🚀 rocket 🚀", "rocket", ["rocket"]),
        ("snake_case", "case", ["case"]),
        ("e\u0301cole", "ecole", ["e\u0301cole"]),
        ("हिन्दी", "हिन्दी", ["हिन्दी"]),
        ("עִבְרִית", "עברית", ["עִבְרִית"]),
        ("か\u3099く", "がく", ["か\u3099く"]),
    ],
)
def test_what_was_found_is_marked(text: str, q: str, marked: list[str]) -> None:
    [found] = highlights([("title", text)], tokenise(q))

    assert found.text == text
    plain = [unicodedata.normalize("NFC", one) for one in _marked(found)]
    assert plain == [unicodedata.normalize("NFC", one) for one in marked]


@pytest.mark.parametrize("filler", ["word ", "wörd "])
def test_a_long_text_is_cut_to_a_piece_around_the_first_find(filler: str) -> None:
    text = filler * 100 + "walrus " + filler * 100

    [found] = highlights([("details", text)], ["walrus"])

    assert len(found.text) <= WIDTH
    assert found.text.startswith(filler)
    assert found.text.index("walrus") <= BEFORE
    assert _marked(found) == ["walrus"]


def test_three_texts_are_shown_at_most() -> None:
    texts = [(name, "walrus") for name in "abcde"]

    assert [one.field for one in highlights(texts, ["walrus"])] == ["a", "b", "c"]
    assert MAX_HIGHLIGHTS == 3
    assert highlights(texts, []) == ()
    assert highlights(texts, ["giraffe"]) == ()
