"""The pages that belong to no feature: hello, health, and the description of the API."""

import re
from html.parser import HTMLParser

import httpx2 as httpx
import pytest
from typing_extensions import override

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.settings import Settings
from tests.cast import Person

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class _Addresses(HTMLParser):
    """What a page loads or leads to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href"}]


async def test_hello_is_a_page_for_browsers_and_json_for_everyone_else(ada: Person) -> None:
    page = await ada.http.get("/", headers=BROWSER)
    told = [await ada.http.get("/", headers={"Accept": a}) for a in ("*/*", "application/json")]

    assert page.headers["Content-Type"].startswith("text/html")
    assert "Nexus is running" in page.text
    for answer in told:
        assert answer.headers["Content-Type"].startswith("application/json")
        assert (answer.json()["name"], answer.json()["api"]) == ("Nexus", "/api/v1")


async def test_every_address_that_hello_names_is_there(ada: Person) -> None:
    told = (await ada.http.get("/")).json()
    page = _Addresses((await ada.http.get("/", headers=BROWSER)).text)

    answers = [await ada.http.get(path) for path in (told["openapi"], told["docs"], *page.loaded)]

    assert {answer.status_code for answer in answers} == {200}


async def test_a_healthy_server_says_so(ada: Person) -> None:
    alive = await ada.http.get("/healthz")
    ready = await ada.http.get("/readyz")

    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    told = ready.json()
    assert (ready.status_code, told["status"]) == (200, "ok")
    assert told["checks"] == {"database": "ok"}
    assert told["warnings"].keys() <= {"alerts", "jobs"}  # of others on this database


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all/nexus.db", "postgresql://u:secret@127.0.0.1:1/nexus"]
)
async def test_a_server_without_its_database_is_alive_and_not_ready(url: str) -> None:
    database = Database(understand_url(url))
    transport = httpx.ASGITransport(app=Nexus(database, Settings()))

    async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
        alive = await http.get("/healthz")
        ready = await http.get("/readyz")
    await database.close()

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert "secret" not in ready.text
    assert ready.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_unmigrated_database_is_not_ready_and_says_what_to_do(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("empty") / "nexus.db"
    database = Database(understand_url(f"sqlite:///{path}"))
    transport = httpx.ASGITransport(app=Nexus(database, Settings()))

    async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
        ready = await http.get("/readyz")
    await database.close()

    assert ready.status_code == 503
    assert "nexus migrate" in ready.json()["checks"]["database"]


async def test_the_description_is_served_and_says_that_a_server_may_not_be_ready(
    ada: Person, app: Nexus
) -> None:
    answer = await ada.http.get("/openapi.json")

    described = answer.json()
    assert described == app.openapi
    assert described["openapi"].startswith("3.1")
    assert "503" in described["paths"]["/readyz"]["get"]["responses"]


async def test_the_pages_of_the_api_load_nothing_from_elsewhere(ada: Person) -> None:
    answer = await ada.http.get("/docs/api")

    page = _Addresses(answer.text)
    assert answer.status_code == 200
    assert page.loaded
    assert all(re.match(r"/[^/]", address) for address in page.loaded)
    policy = answer.headers["Content-Security-Policy"]
    assert "http" not in policy
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= {
        part.strip() for part in policy.split(";")
    }
    assert "unsafe-eval" not in policy
    assert len(answer.headers.get_list("Content-Security-Policy")) == 1


async def test_the_assets_of_that_page_are_served_with_their_type(ada: Person) -> None:
    page = _Addresses((await ada.http.get("/docs/api")).text)

    for path in page.loaded:
        answer = await ada.http.get(path)
        kind = answer.headers["Content-Type"].split(";")[0]
        assert answer.status_code == 200
        assert kind in {"text/javascript", "text/css", "image/png"}
        assert kind == "image/png" or answer.headers["Content-Type"].endswith("charset=utf-8")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age" in answer.headers["Cache-Control"]


async def test_the_page_starts_with_the_own_description_and_asks_no_validator(
    ada: Person,
) -> None:
    script = (await ada.http.get("/docs/api/assets/start.js")).text
    styles = (await ada.http.get("/docs/api/assets/swagger-ui.css")).text

    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script
    assert "http" not in script
    assert "@import" not in styles
    assert not re.findall(r"url\(\s*['\"]?(?:https?:)?//", styles)


@pytest.mark.parametrize(
    "name", ["../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "LICENSE", "nothing.js", "", ".js"]
)
async def test_nothing_else_can_be_fetched_as_an_asset(ada: Person, name: str) -> None:
    answer = await ada.http.get(f"/docs/api/assets/{name}")

    assert answer.status_code == 404
    assert "import" not in answer.text
