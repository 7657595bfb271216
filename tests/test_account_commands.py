"""Who one is on the command line: users, invitations, workspaces, sessions, profiles."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cast import PASSWORD
from tests.server import Machine, Server, free_port
from tests.terminal import Newcomer, a_newcomer, a_server, at_terminal, owners_machine

NEW_PASSWORD = "another horse battery staple"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Server]:
    """On PostgreSQL alone: the routes that the commands call are tested on both databases."""
    folder = tmp_path_factory.mktemp("machine")
    with a_server("postgresql", folder, f"nexus_accounts_{worker_id}") as server:
        yield server


@pytest.fixture
def machine(server: Server, tmp_path: Path) -> Machine:
    return owners_machine(server, tmp_path)


@pytest.fixture
def grace(server: Server) -> Newcomer:
    return a_newcomer(server)


@pytest.fixture
def hers(server: Server, grace: Newcomer, tmp_path: Path) -> Machine:
    """A developer's computer, signed in."""
    folder = tmp_path / "hers"
    folder.mkdir()
    machine = Machine(folder=folder)
    done = machine.nexus("login", server.url, "--email", grace.email, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return machine


def test_somebody_is_invited_joins_rises_and_goes(machine: Machine) -> None:
    email = f"ada-{uuid4().hex[:8]}@nexus.test"
    link = machine.nexus("user", "invite", email, "--role", "viewer").stdout.strip()

    joined = machine.nexus("invitation", "accept", link, stdin=f"Ada\n{PASSWORD}\n")

    again = machine.nexus("invitation", "accept", link, stdin=f"Ada\n{PASSWORD}\n")
    found = machine.json("user", "get", email)
    raised = machine.json("user", "update", email, "--role", "admin", "--version", "1")
    stale = machine.nexus("user", "update", email, "--role", "viewer", "--version", "1")
    removed = machine.json("user", "remove", f"@{found['handle']}")
    assert (joined.returncode, again.returncode, stale.returncode) == (0, 5, 5)
    assert (found["name"], found["role"]) == ("Ada", "viewer")
    assert (raised["role"], removed) == ("admin", {"removed": found["id"]})
    assert machine.nexus("user", "get", email).returncode == 4


def test_an_invitation_is_withdrawn_by_whom_it_was_for(machine: Machine) -> None:
    login = f"octo{uuid4().hex[:8]}"
    new = machine.json("user", "invite", "--github", login)

    before = machine.json("invitation", "list")["items"]
    machine.json("invitation", "revoke", login)

    after = machine.json("invitation", "list")["items"]
    assert new["invitation"]["id"] in [one["id"] for one in before]
    assert new["invitation"]["id"] not in [one["id"] for one in after]
    assert machine.nexus("invitation", "revoke", login).returncode == 4
    assert machine.nexus("invitation", "accept", "https://nexus.test/nothing").returncode == 6
    assert machine.nexus("user", "invite").returncode == 6


def test_who_has_an_account_joins_by_signing_in(
    machine: Machine, hers: Machine, grace: Newcomer
) -> None:
    machine.json("user", "remove", grace.email)
    link = machine.json("user", "invite", grace.email)["link"]

    anew = hers.nexus("invitation", "accept", link, "--name", "Grace", stdin=f"{PASSWORD}\n")
    signed_in = hers.nexus(
        "invitation", "accept", link, "--sign-in", stdin=f"{grace.email}\n{PASSWORD}\n"
    )

    assert (anew.returncode, signed_in.returncode) == (5, 0)
    assert "--sign-in" in anew.stderr
    assert machine.json("user", "get", grace.email)["role"] == "developer"


def test_a_workspace_is_made_renamed_and_left(
    server: Server, machine: Machine, hers: Machine, grace: Newcomer
) -> None:
    name = f"Lab {uuid4().hex[:8]}"
    made = hers.json("workspace", "create", name)
    login = ("login", server.url, "--email", grace.email, "--workspace", name, "--name", "lab")
    hers.nexus(*login, stdin=f"{PASSWORD}\n")

    renamed = hers.json("workspace", "update", "--name", f"{name}!", "--version", "1")
    stale = hers.nexus("workspace", "update", "--name", "Old", "--version", "1")
    last_owner = hers.nexus("workspace", "leave", stdin=f"{PASSWORD}\n")
    left = hers.nexus("--profile", "default", "workspace", "leave", stdin=f"{PASSWORD}\n")

    assert hers.json("workspace", "get") == renamed
    assert (renamed["id"], renamed["name"]) == (made["workspace_id"], f"{name}!")
    assert (stale.returncode, last_owner.returncode, left.returncode) == (5, 5, 0)
    assert [one["workspace_id"] for one in hers.json("workspace", "list")["items"]] == [
        renamed["id"]
    ]
    assert hers.nexus("--profile", "default", "me").returncode == 3
    assert machine.nexus("user", "get", grace.email).returncode == 4


def test_a_person_is_shown_and_renamed(hers: Machine, grace: Newcomer) -> None:
    renamed = hers.nexus("me", "update", "--name", "Grace [H]", "--json", stdin=f"{PASSWORD}\n")

    shown = hers.nexus("me").stdout
    assert json.loads(renamed.stdout)["user"]["name"] == "Grace [H]"
    assert json.loads(renamed.stdout)["csrf_token"] is None
    assert hers.json("me", "get") == hers.json("me")
    assert grace.email in shown
    assert hers.nexus("me", "update").returncode == 2
    assert hers.nexus("me", "update", "--name", "X", stdin="wrong\n").returncode == 3
    assert hers.nexus("me", "update", "--name", "X").returncode == 2


def test_a_password_is_typed_twice_and_never_shown(
    server: Server, hers: Machine, grace: Newcomer
) -> None:
    typed = [("Password: ", PASSWORD), ("New password: ", NEW_PASSWORD)]

    unlike = at_terminal(hers, "me", "update", "--password", typed=[*typed, ("again: ", "other")])
    changed = at_terminal(
        hers, "me", "update", "--password", typed=[*typed, ("again: ", NEW_PASSWORD)]
    )

    login = ("login", server.url, "--email", grace.email)
    assert (unlike.exit_code, changed.exit_code) == (6, 0)
    assert NEW_PASSWORD not in unlike.text + changed.text
    assert hers.nexus(*login, stdin=f"{PASSWORD}\n").returncode == 3
    assert hers.nexus(*login, stdin=f"{NEW_PASSWORD}\n").returncode == 0


def test_sessions_are_listed_and_ended(hers: Machine, grace: Newcomer) -> None:
    credentials = json.dumps({"email": grace.email, "password": PASSWORD})
    made = json.loads(hers.nexus("api", "POST", "/sessions", "--data", credentials).stdout)

    before = json.loads(hers.nexus("session", "list", "--json", stdin=f"{PASSWORD}\n").stdout)
    ended = hers.nexus("session", "revoke", made["session"]["id"], stdin=f"{PASSWORD}\n")

    after = hers.nexus("session", "list", "--csv", stdin=f"{PASSWORD}\n").stdout
    assert {one["id"] for one in before["items"]} > {made["session"]["id"]}
    assert ended.returncode == 0
    assert after.splitlines()[0] == "ID,LAST USED,ADDRESS,PROGRAM"
    assert [line.rpartition(",")[2] for line in after.splitlines()[1:]] == ["this command"]
    assert hers.nexus("session", "revoke", "odd", stdin=f"{PASSWORD}\n").returncode == 6


def test_profiles_are_chosen_and_forgotten(server: Server, hers: Machine, grace: Newcomer) -> None:
    hers.nexus("login", server.url, "--email", grace.email, "--name", "work", stdin=f"{PASSWORD}\n")
    keys = [one["key"] for one in json.loads(hers.profile_path.read_text())["profiles"]]

    used = hers.json("profile", "use", "default")
    listed = hers.nexus("profile", "list").stdout + hers.nexus("profile", "list", "--json").stdout
    hers.json("profile", "remove", "default")

    unchosen = hers.nexus("me")
    assert used == {"current": "default"}
    assert [key for key in keys if key in listed] == []
    assert [one["name"] for one in hers.json("profile", "list")["items"]] == ["work"]
    assert (unchosen.returncode, hers.nexus("--profile", "work", "me").returncode) == (3, 0)
    assert hers.nexus("profile", "use", "default").returncode == 4
    assert hers.nexus("profile", "remove", "default").returncode == 4


@pytest.mark.parametrize(("flags", "key_ends"), [([], True), (["--keep-key"], False)])
def test_signing_out_forgets_the_profile_and_ends_its_key(
    server: Server, hers: Machine, flags: list[str], key_ends: bool
) -> None:
    (profile,) = json.loads(hers.profile_path.read_text())["profiles"]

    out = hers.json("logout", *flags)

    by_key = hers.nexus("me", NEXUS_URL=server.url, NEXUS_API_KEY=profile["key"])
    assert out == {"profile": "default", "is_key_revoked": key_ends}
    assert profile["key"] not in hers.profile_path.read_text()
    assert by_key.returncode == (3 if key_ends else 0)
    assert hers.nexus("logout").returncode == 4


def test_signing_out_works_when_the_server_is_away(hers: Machine) -> None:
    gone = {"name": "gone", "url": f"http://127.0.0.1:{free_port()}", "key": "nxs_a_b"}
    hers.profile_path.write_text(json.dumps({"current": "gone", "profiles": [gone]}))

    out = hers.nexus("logout")

    assert (out.returncode, hers.json("profile", "list")["items"]) == (0, [])
    assert "may still be good" in out.stderr
