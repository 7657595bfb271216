"""The client that sends webhooks: where it goes and where it never goes."""

import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from nexus.clients.webhooks import Message, WebhookClient, is_allowed
from tests.receiver import Receiver, Reply, receiving

SECRET = "whsec_" + "QUJD" * 10 + "QUI="
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2001:4860:4860::8888", "2606:4700::1111"]
NOT_PUBLIC = [
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
    "2001:db8::1", "2001:10::1",
]  # fmt: skip
HIDING = [
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "::127.0.0.1", "::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::a9fe:a9fe",
    "64:ff9b::8.8.8.8", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "fec0::1",
]  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    """One that may send to loopback."""
    client = WebhookClient(LOOPBACK)
    yield client
    await client.close()


@pytest.fixture
async def strict() -> AsyncIterator[WebhookClient]:
    client = WebhookClient([])
    yield client
    await client.close()


def _message(url: str) -> Message:
    return Message(id="one", url=url, body=b'{"type":"task.created"}', secrets=(SECRET,))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_sent_to(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), [])


@pytest.mark.parametrize("address", NOT_PUBLIC + HIDING)
def test_no_other_address_is_sent_to(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), [])


@pytest.mark.parametrize(
    ("address", "network", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "12.0.0.0/8", True),
        ("10.1.2.3", "192.168.0.0/16", False),
        ("10.1.2.3", "::/0", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "0.0.0.0/0", False),
        ("64:ff9b::7f00:1", "127.0.0.0/8", False),
        ("64:ff9b::7f00:1", "64:ff9b::/96", True),
    ],
)
def test_a_setting_opens_its_networks_and_no_others(
    address: str, network: str, expected: bool
) -> None:
    allowed = [ipaddress.ip_network(network)]

    assert is_allowed(ipaddress.ip_address(address), allowed) is expected


async def test_a_message_is_signed_with_each_of_its_secrets(
    client: WebhookClient, receiver: Receiver
) -> None:
    other = "whsec_" + "WFla" * 10 + "WFk="
    at = datetime.now(UTC)
    message = Message(
        id="one", url=receiver.url("/hook?a=b"), body=b'{"a":1}', secrets=(SECRET, other)
    )

    answer = await client.send(message, at)

    assert (answer.status, answer.error) == (200, None)
    (got,) = receiver.got("/hook?a=b")
    assert got.body == b'{"a":1}'
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"
    assert (got.id, got.headers["webhook-timestamp"]) == ("one", str(int(at.timestamp())))
    assert len(got.signatures) == 2
    assert got.is_signed_with(SECRET)
    assert got.is_signed_with(other)
    assert not got.is_signed_with("whsec_" + "Tm90" * 10)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    client: WebhookClient, receiver: Receiver, status: int
) -> None:
    receiver.reply("/hook", Reply(status=status, headers={"Location": receiver.url("/elsewhere")}))

    answer = await client.send(_message(receiver.url("/hook")), AT)

    assert (answer.status, answer.error) == (status, f"The receiver answered {status}.")
    assert receiver.got("/elsewhere") == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]",
     "[::1]", "0", "LOCALHOST"],
)  # fmt: skip
async def test_a_name_that_leads_to_a_private_address_is_refused(
    strict: WebhookClient, receiver: Receiver, host: str
) -> None:
    answer = await strict.send(_message(f"http://{host}:{receiver.port}/hook"), AT)

    assert answer.status is None
    assert "is not public" in (answer.error or "")
    assert receiver.got("/hook") == []


async def test_what_is_resolved_is_what_is_connected_to(
    client: WebhookClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rebound(host: str, port: int, *_: object, **__: object) -> object:
        asked.append(host)
        there = "127.0.0.1" if len(asked) == 1 else "10.255.255.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (there, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    answer = await client.send(_message(f"http://rebound.test:{receiver.port}/hook"), AT)

    assert answer.error is None
    assert asked == ["rebound.test"]
    assert [one.headers["host"] for one in receiver.got("/hook")] == [
        f"rebound.test:{receiver.port}"
    ]


async def test_one_private_address_among_public_ones_is_refused(
    strict: WebhookClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(_: str, port: int, *__: object, **___: object) -> object:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.216.34", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    answer = await strict.send(_message("http://both.test/hook"), AT)

    assert "10.0.0.1 of both.test is not public" in (answer.error or "")


async def test_a_proxy_of_the_environment_is_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setitem(os.environ, name, receiver.url())
    client = WebhookClient([])

    answer = await client.send(_message("http://10.0.0.1/hook"), AT)
    await client.close()

    assert "10.0.0.1 of 10.0.0.1 is not public" in (answer.error or "")
    assert receiver.order() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://" + "a" * 64 + ".test/", "http://a..test/", "http://.test/", "http://%/",
        "http://nowhere.invalid/", "http://127.0.0.1:1/", "http://127.0.0.1:9/\x01",
        "http://a_b.invalid/", "http://-/", "http://[::ffff:127.0.0.1]:1/", "http://xn--/",
    ],
)  # fmt: skip
async def test_whatever_goes_wrong_is_the_answer(client: WebhookClient, url: str) -> None:
    answer = await client.send(_message(url), AT)

    assert answer.status is None
    assert answer.error


@pytest.mark.parametrize("status", [300, 304, 400, 404, 410, 429, 500, 503])
async def test_only_2xx_takes_a_message(
    client: WebhookClient, receiver: Receiver, status: int
) -> None:
    receiver.reply("/hook", Reply(status=status), Reply(status=204))

    refused = await client.send(_message(receiver.url("/hook")), AT)
    taken = await client.send(_message(receiver.url("/hook")), AT)

    assert (refused.status, refused.error) == (status, f"The receiver answered {status}.")
    assert (taken.status, taken.error) == (204, None)


async def test_a_long_answer_is_not_read_to_its_end(
    client: WebhookClient, receiver: Receiver
) -> None:
    receiver.reply("/hook", Reply(body=b"x" * 50_000_000))

    answer = await client.send(_message(receiver.url("/hook")), AT)

    assert (answer.status, answer.error) == (200, None)
    assert answer.took_ms < 5_000


async def test_a_receiver_that_says_200_and_then_dawdles_has_taken_it(
    client: WebhookClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexus.clients.webhooks.TIMEOUT_S", 0.5)
    receiver.reply("/hook", Reply(body=b"x" * 20, dripped=0.1))

    answer = await client.send(_message(receiver.url("/hook")), AT)

    assert (answer.status, answer.error) == (200, None)
