"""Webhooks of a real server: to receivers that take, fail, hang, and come back."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from nexus.features.webhooks.domain import DELIVER
from tests.conftest import DATABASES
from tests.hooks import Hooks, Place, a_place
from tests.receiver import Receiver, Reply, receiving, wait_until


@pytest.fixture(scope="module", params=DATABASES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("webhooks")
    with a_place(request.param, folder, f"nexus_webhooks_{worker_id}") as place:
        yield place


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hooks(place: Place) -> Iterator[Hooks]:
    hooks = Hooks(place)
    yield hooks
    for one in place.server.call("GET", "/webhooks?limit=200")["items"]:
        place.server.call("DELETE", f"/webhooks/{one['id']}")


def _a_task(place: Place) -> None:
    place.server.call("POST", "/tasks", json={"project": "API", "title": "A task"})


def _log(place: Place) -> list[Any]:
    return place.server.call("GET", "/events?limit=200&sort=newest")["items"][::-1]


def _numbers(place: Place, name: str, count: int) -> list[int]:
    """Of the last so many events of this name."""
    return [one["seq"] for one in _log(place) if one["name"] == name][-count:]


def test_every_event_comes_in_order_and_signed(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    everything = hooks.add(receiver.url("/all"))
    hooks.add(receiver.url("/some"), "task.created")
    other = hooks.add(receiver.url("/other"), "x.*")
    for _ in range(4):
        _a_task(place)
    other.test()

    got = receiver.wait_for("/all", 7)
    some = receiver.wait_for("/some", 4)
    receiver.wait_for("/other", 1)

    log = {one["seq"]: one for one in _log(place)}
    begin = got[0].seq
    assert [log[begin]["name"], log[begin]["subject"]] == [
        "webhook.created",
        f"webhook:{everything.id}",
    ]
    wanted = [n for n, one in log.items() if n >= begin and one["name"] != "webhook.tested"]
    assert [one.seq for one in got] == wanted
    assert [one.seq for one in some] == _numbers(place, "task.created", 4)
    for one in got:
        event = log[one.seq]
        assert one.json["data"] == event
        assert (one.json["type"], one.id) == (event["name"], event["id"])
        assert one.json["timestamp"] == event["recorded_at"]
        assert one.is_signed_with(everything.secret)
        assert not one.is_signed_with(other.secret)
    assert [one.json["type"] for one in receiver.got("/other")] == ["webhook.tested"]


def test_a_message_that_was_not_taken_comes_again_with_its_id(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    receiver.reply("/hook", Reply(status=500), Reply(status=503), Reply())
    hook = hooks.add(receiver.url("/hook"), "x.*")

    hook.test()

    for tried, status in ((1, 500), (2, 503)):
        wait_until(lambda tried=tried: any(one["attempts"] == tried for one in hook.deliveries()))
        assert (hook.last()["state"], hook.last()["status"]) == ("waiting", status)
        assert hook.call("GET")["failing_since"] is not None
        place.hurry()
    wait_until(lambda: hook.states() == ["delivered"])
    assert len({one.id for one in receiver.got("/hook")}) == 1
    assert len(receiver.got("/hook")) == hook.last()["attempts"] == 3
    assert hook.call("GET")["failing_since"] is None
    assert all(one.is_signed_with(hook.secret) for one in receiver.got("/hook"))


def test_receivers_that_hang_dawdle_or_point_elsewhere_stall_no_other(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    receiver.reply("/hangs", Reply(is_held=True))
    receiver.reply("/slow", Reply(after_s=2))
    receiver.reply("/away", Reply(status=307, headers={"Location": receiver.url("/inner")}))
    held = [hooks.add(receiver.url("/hangs"), "task.created") for _ in range(3)]
    hooks.add(receiver.url("/slow"), "task.created")
    away = hooks.add(receiver.url("/away"), "task.created")
    private = hooks.add("http://10.255.255.1/hook", "task.created")
    hooks.add(receiver.url("/good"), "task.created")

    for _ in range(3):
        _a_task(place)

    good = receiver.wait_for("/good", 3)
    order = [path for path, _ in receiver.order()]
    assert [one.seq for one in good] == _numbers(place, "task.created", 3)
    assert order.count("/hangs") < 9  # as many as would have come first, had they been waited for
    assert [one.states() for one in held] == [["waiting"] * 3] * 3
    wait_until(lambda: [one["status"] for one in away.deliveries()] == [307] * 3)
    wait_until(lambda: all(one["error"] for one in private.deliveries()))
    assert all("is not public" in one["error"] for one in private.deliveries())
    assert receiver.got("/inner") == []
    slow = receiver.wait_for("/slow", 3)
    assert [one.seq for one in slow] == [one.seq for one in good]


def test_after_a_rotation_both_secrets_sign_for_a_while(receiver: Receiver, hooks: Hooks) -> None:
    hook = hooks.add(receiver.url("/hook"), "x.*")

    second = hook.call("POST", "/rotations", json={"overlap_s": 3600})["secret"]
    hook.test()
    (during,) = receiver.wait_for("/hook", 1)
    third = hook.call("POST", "/rotations", json={"overlap_s": 0})["secret"]
    hook.test()

    after = receiver.wait_for("/hook", 2)[-1]
    secrets = [hook.secret, second, third]
    assert [during.is_signed_with(one) for one in secrets] == [True, True, False]
    assert [after.is_signed_with(one) for one in secrets] == [False, False, True]
    assert (len(during.signatures), len(after.signatures)) == (2, 1)


def test_what_was_taken_is_sent_again_when_asked(receiver: Receiver, hooks: Hooks) -> None:
    hook = hooks.add(receiver.url("/hook"), "x.*")
    hook.test()
    wait_until(lambda: hook.states() == ["delivered"])

    hook.call("POST", f"/deliveries/{hook.last()['id']}/attempts")

    first, second = receiver.wait_for("/hook", 2)
    assert (first.id, first.body) == (second.id, second.body)
    wait_until(lambda: hook.states() == ["delivered"])
    assert hook.last()["attempts"] == 1


def test_nothing_is_sent_to_a_webhook_that_is_off_and_all_of_it_when_it_is_on(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    receiver.reply("/hook", Reply(status=500), Reply())
    hook = hooks.add(receiver.url("/hook"), "task.created")
    _a_task(place)
    wait_until(lambda: [one["attempts"] for one in hook.deliveries()] == [1])

    hook.call("PATCH", json={"is_enabled": False})
    place.hurry()
    wait_until(lambda: hook.states() == ["failed"])
    for _ in range(2):
        _a_task(place)
    hooks.add(receiver.url("/beside"), "x.*").test()
    receiver.wait_for("/beside", 1)
    while_off = len(receiver.got("/hook"))
    given_up = hook.last()
    hook.call("PATCH", json={"is_enabled": True})

    numbers = [one.seq for one in receiver.wait_for("/hook", 3)]
    assert while_off == 1
    assert given_up["error"] == "The webhook is switched off."
    assert numbers == _numbers(place, "task.created", 3)


def test_a_removed_webhook_leaves_no_job_that_fails(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    receiver.reply("/hangs", Reply(is_held=True))
    receiver.reply("/fails", Reply(status=500))
    both = [hooks.add(receiver.url(path), "task.created") for path in ("/hangs", "/fails")]
    for _ in range(2):
        _a_task(place)
    receiver.wait_for("/hangs", 1)
    receiver.wait_for("/fails", 2)

    for one in both:
        one.remove()
    tried = len(receiver.got("/fails"))
    receiver.let_go()
    place.hurry()

    path = f"/jobs?name={DELIVER}&limit=200"
    wait_until(
        lambda: (
            not place.server.call("GET", f"{path}&state=waiting&state=delayed&state=running")[
                "items"
            ]
        )
    )
    assert place.server.call("GET", f"{path}&state=failed")["items"] == []
    assert (len(receiver.got("/hangs")), len(receiver.got("/fails"))) == (1, tried)


def test_a_kill_between_handing_on_and_sending_loses_nothing(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    receiver.reply("/hook", Reply(is_held=True), Reply())
    hook = hooks.add(receiver.url("/hook"), "task.created")
    for _ in range(4):
        _a_task(place)
    (cut_off,) = receiver.wait_for("/hook", 1)
    wait_until(lambda: len(hook.deliveries()) == 4)

    place.server.kill()
    place.server.machine.end_leases()
    place.start_again()

    wait_until(lambda: hook.states() == ["delivered"] * 4)
    numbers = receiver.numbers("/hook")
    assert numbers == [cut_off.seq, *_numbers(place, "task.created", 4)]
    assert len({one.id for one in receiver.got("/hook")}) == 4


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_an_answer_that_comes_while_the_database_is_away_is_not_forgotten(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    receiver.reply("/hook", Reply(is_held=True), Reply())
    hook = hooks.add(receiver.url("/hook"), "x.*")
    hook.test()
    receiver.wait_for("/hook", 1)

    place.server.machine.write(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    receiver.let_go()

    wait_until(lambda: place.settled(hook.path) == ["delivered"])


def test_the_secret_is_in_no_answer_job_or_line_of_the_log(
    place: Place, receiver: Receiver, hooks: Hooks
) -> None:
    hook = hooks.add(receiver.url("/hook"))
    hook.test()
    second = hook.call("POST", "/rotations", json={})["secret"]
    receiver.wait_for("/hook", 2)

    server = place.server
    paths = ("/webhooks", hook.path, f"{hook.path}/deliveries", "/events?limit=200", "/jobs")
    told = json.dumps([server.call("GET", path) for path in paths])
    told += "".join(one.body.decode() for one in receiver.got("/hook"))
    told += server.out.read_text() + server.err.read_text()
    told += server.machine.nexus("jobs", "--json").stdout

    for secret in (hook.secret, second):
        assert secret.removeprefix("whsec_") not in told
    assert hook.id in told


@pytest.mark.usefixtures("hooks")
def test_webhooks_at_the_command_line(place: Place, receiver: Receiver) -> None:
    machine, url = place.server.machine, receiver.url("/hook")

    new = machine.json("webhook", "create", "deploys", url, "--event", "x.*")
    hook = new["webhook"]["id"]
    shown = machine.json("webhook", "get", hook)
    assert shown | {"place": 0} == new["webhook"] | {"place": 0}
    assert [one["id"] for one in machine.json("webhook", "list")["items"]] == [hook]
    machine.json("webhook", "test", hook)
    (got,) = receiver.wait_for("/hook", 1)
    assert got.is_signed_with(new["secret"])
    told = ("webhook", "deliveries", hook, "--state", "delivered")
    wait_until(lambda: len(machine.json(*told)["items"]) == 1)
    (delivery,) = machine.json(*told)["items"]
    assert machine.json("webhook", "replay", hook, delivery["id"])["state"] == "waiting"
    receiver.wait_for("/hook", 2)
    assert machine.json("webhook", "rotate", hook, "--overlap", "0")["secret"] != new["secret"]
    off = machine.json("webhook", "update", hook, "--off", "--name", "Other", "--event", "task.*")
    assert (off["is_enabled"], off["name"], off["events"]) == (False, "Other", ["task.*"])
    assert "off" in machine.nexus("webhook", "list").stdout
    assert "switched off by hand" in machine.nexus("webhook", "get", hook).stdout
    machine.json("webhook", "remove", hook)
    gone = machine.nexus("webhook", "get", hook)
    assert gone.returncode != 0
    assert "There is no webhook" in gone.stderr


@pytest.mark.usefixtures("hooks")
def test_the_secret_is_said_once_at_the_command_line(place: Place) -> None:
    machine = place.server.machine
    created = machine.nexus("webhook", "create", "deploys", f"https://hook.test/{uuid4()}")

    secret = created.stdout.strip().splitlines()[-1]
    hook = machine.json("webhook", "list")["items"][0]["id"]

    assert created.returncode == 0
    assert secret.startswith("whsec_")
    for command in (("list",), ("get", hook), ("deliveries", hook)):
        assert secret not in machine.nexus("webhook", *command).stdout
    refused = machine.nexus("webhook", "create", "x", "ftp://hook.test")
    assert refused.returncode != 0
    assert "https://example.com/hook" in refused.stderr
