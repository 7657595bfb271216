"""Those who work one backlog: agents of all tempers, and a person who interferes."""

import asyncio
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import httpx2 as httpx

from nexus.platform.clock import now
from soak.claim_rules import LATE
from soak.streams import UNREACHABLE, Broken, Servers

PROJECT = "RACE"
OPEN = ("backlog", "todo", "in_progress", "in_review", "deferred")
SHORT_S = 3
"""For an agent that waits until the end of its lease to see what happens."""

WAITS_S = (0, 5, 20, 20, 20)
LATER_S = 0.3
"""How long after the end of its lease an agent is sure that it has ended."""

BRINK_S = 0.02
WITHIN_S = 180.0

CALM = 0.1
"""People only help where no more than this part of the backlog is open."""

LOST = {
    "agent.busy",
    "run.over",
    "task.already_held",
    "task.fence_superseded",
    "task.not_for_agent",
    "task.not_ready",
}
"""What an agent hears when others were quicker."""


class Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Vanished(Exception):
    pass


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody with a key, who sends again what got no answer: it is carried out once."""

    http: httpx.AsyncClient
    servers: Servers
    random: Random
    key: str

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        fence: int | None = None,
        query: Any = None,
    ) -> Any:
        """Raises Refused for what is in conflict, and Broken for what nobody expects."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if method != "GET":
            headers["Idempotency-Key"] = f"{self.random.getrandbits(128):x}"
        if fence is not None:
            headers["Nexus-Fence"] = str(fence)
        why = ""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            url = f"{self.servers.url(self.random)}/api/v1{path}"
            try:
                answer = await self.http.request(
                    method, url, json=body, headers=headers, params=query or {}
                )
            except UNREACHABLE as error:
                why = repr(error)
                await asyncio.sleep(0.1)
                continue
            if answer.status_code < 300:
                return answer.json() if answer.content else None
            if answer.status_code == 409:
                raise Refused(answer.json()["code"])
            if answer.status_code != 503:
                raise Broken(f"{method} {path} {body}: {answer.status_code} {answer.text}")
            why = answer.text
            await asyncio.sleep(0.1)
        raise Broken(f"{method} {path} got no answer in {WITHIN_S} s: {why}")


@contextmanager
def losing(*, anything: bool = False) -> Generator[None]:
    """Somebody else was quicker, which is no fault."""
    try:
        yield
    except Refused as refused:
        if not anything and refused.code not in LOST:
            raise Broken(f"An agent was refused with {refused.code}.") from refused


class Claimer:
    """What one agent does with task after task, until its time is over."""

    def __init__(self, caller: Caller, leases_s: Sequence[int]) -> None:
        self._leases_s = leases_s
        self._ask = caller.ask
        self._random = caller.random
        self._until_s = 0.0

    async def work(self) -> None:
        while True:
            body: dict[str, Any] = {"lease_s": self._random.choice(self._leases_s)}
            if self._random.random() < 0.15:
                body["task"] = await self._first()
            else:
                body["wait_s"] = self._random.choice(WAITS_S)
            claim = None
            with losing():
                claim = await self._ask("POST", "/agents/assign", body)
            if claim and claim["run_id"]:
                with losing():
                    await self._do(claim, body["lease_s"])
            else:
                await asyncio.sleep(self._random.uniform(0.1, 1))

    async def _first(self) -> str | None:
        """What others want as well."""
        query = {"project": PROJECT, "ready": True, "sort": "next", "limit": 3}
        found = (await self._ask("GET", "/tasks", query=query))["items"]
        return self._random.choice(found)["key"] if found else None

    async def _do(self, claim: Mapping[str, Any], lease_s: int) -> None:
        self._until_s = _seconds(claim["expires_at"])
        ends = ("submit", "sleep", "release", "fail", "vanish")
        [end] = self._random.choices(ends, (66, 15 if lease_s <= SHORT_S else 0, 8, 6, 10))
        for _ in range(self._random.randint(0, 2) if end != "sleep" else 0):
            await asyncio.sleep(self._pause())
            await self._sign(claim, lease_s)
        if end == "vanish":
            raise Vanished
        if end == "sleep":
            await self._oversleep(claim)
        elif end == "submit":
            await self._write(claim, "submission", {"summary": "Done."})
        elif end == "release":
            await self._write(claim, "release", {})
        else:
            is_final = self._random.random() < 0.2
            await self._write(claim, "failure", {"reason": "No.", "is_final": is_final})

    def _pause(self) -> float:
        """At times until the very moment at which a short lease runs out."""
        left_s = self._until_s - now().timestamp()
        if left_s <= SHORT_S and self._random.random() < 0.25:
            return max(0, left_s + self._random.uniform(-BRINK_S, BRINK_S))
        return self._random.uniform(0.02, 0.5)

    async def _sign(self, claim: Mapping[str, Any], lease_s: int) -> None:
        task, fence = claim["task"]["key"], claim["fence"]
        match self._random.choices(range(6), (50, 20, 10, 8, 8, 4))[0]:
            case 0:
                await self._write(claim, "progress", {"note": "On it."})
                self._until_s = now().timestamp() + lease_s
            case 1:
                alive = await self._write(claim, "heartbeats", {})
                self._until_s = _seconds(alive["expires_at"])
            case 2:
                await self._write(claim, "log", {"lines": [{"text": "A line."}]})
            case 3:
                await self._ask("POST", f"/tasks/{task}/comments", {"body": "So."}, fence=fence)
            case 4:
                text = {"description": f"{self._random.random()}"}
                await self._ask("PATCH", f"/tasks/{task}", text, fence=fence)
            case _:
                more = {"project": PROJECT, "title": "More", "priority": "high"}
                await self._ask("POST", "/tasks", more, fence=fence)

    async def _oversleep(self, claim: Mapping[str, Any]) -> None:
        await asyncio.sleep(max(0, self._until_s - now().timestamp()) + LATER_S)
        with losing():
            await self._write(claim, "progress", {"note": f"{LATE}On it."})
        await self._write(claim, "submission", {"summary": f"{LATE}Done."})

    async def _write(self, claim: Mapping[str, Any], what: str, body: Any) -> Any:
        return await self._ask(
            "POST", f"/runs/{claim['run_id']}/{what}", body, fence=claim["fence"]
        )


class People:
    """One person in three places: they judge, take over, set statuses, and begin things anew."""

    def __init__(self, owner: Caller, keys: Sequence[str]) -> None:
        self._ask = owner.ask
        self._random = owner.random
        self._keys = keys
        self._held: set[str] = set()
        self._reopenings = max(2, len(keys) // 20)

    async def oversee(self) -> None:
        """Until all is finished."""
        while True:
            query = {"project": PROJECT, "status": OPEN, "limit": 200}
            found = (await self._ask("GET", "/tasks", query=query))["items"]
            if not found:
                return
            await self._tidy(found)
            if len(found) > len(self._keys) * CALM:
                some = self._random.sample(found, min(2 + len(self._keys) // 60, len(found)))
                await asyncio.gather(*map(self._meddle, some), self._reopen())
            await asyncio.sleep(self._random.uniform(0.1, 0.4))

    async def _tidy(self, found: Sequence[Mapping[str, Any]]) -> None:
        """What no agent may do: or it would never end."""
        query = {"project": PROJECT, "state": "submitted", "limit": 20}
        for run in (await self._ask("GET", "/runs", query=query))["items"]:
            [verdict] = self._random.choices(("acceptance", "rejection"), (70, 30))
            with losing(anything=True):
                await self._ask("POST", f"/runs/{run['id']}/{verdict}", {"reason": "Seen."})
        for key in [one["key"] for one in found if one["status"] in {"deferred", "backlog"}][:10]:
            await self._set(key, "todo")
        for key in sorted(self._held)[:3]:
            self._held.discard(key)
            if self._random.random() < 0.5:
                await self._set(key, "done")
            else:
                with losing(anything=True):
                    await self._ask("DELETE", f"/tasks/{key}/hold")

    async def _meddle(self, task: Mapping[str, Any]) -> None:
        key = task["key"]
        [deed] = self._random.choices(("take", "set", "cancel"), (40, 30, 30))
        if deed == "take":
            with losing(anything=True):
                await self._ask("PUT", f"/tasks/{key}/hold")
                self._held.add(key)
        elif deed == "set":
            status = self._random.choice(("todo", "done", "deferred", "cancelled"))
            await self._set(key, status)
        else:
            query = {"task": key, "state": "working"}
            for run in (await self._ask("GET", "/runs", query=query))["items"]:
                with losing(anything=True):
                    await self._ask("POST", f"/runs/{run['id']}/cancellation", {})

    async def _reopen(self) -> None:
        key = self._random.choice(self._keys)
        if self._reopenings and self._random.random() < 0.3:
            self._reopenings -= 1
            await self._set(key, "todo")

    async def _set(self, key: str, status: str) -> None:
        with losing(anything=True):
            await self._ask("PATCH", f"/tasks/{key}/status", {"status": status})


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
