"""The SQL of real requests, seen on its way to the driver."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2 as httpx
from sqlalchemy import event

from bench.calls import Call, Plan
from bench.plan import WRITES
from bench.replay import Driver, with_number
from bench.scripts import CannotReplay, Script, Step, script_of_twins
from nexus.entrypoints.http import Nexus
from nexus.features.keys.domain import split_key
from nexus.features.keys.repository import KeyRepository
from nexus.platform.database import Database


class Capture:
    """Sends real requests to the application in this process and keeps their statements."""

    def __init__(self, nexus: Nexus, database: Database, driver: Driver, plan: Plan) -> None:
        self._database = database
        self._driver = driver
        self._plan = plan
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=nexus),
            base_url="http://bench.test",
            headers={"Authorization": f"Bearer {plan.key}"},
        )
        self._steps: list[Step] = []

    async def scripts(self, operation: str) -> list[Script]:
        """A script for each of the operation's calls."""
        look_up = await self._key_look_up()
        calls = self._plan.calls[operation]
        if operation not in WRITES:
            return [
                _with(look_up, Script(steps=(await self._sent(call, look_up))[0])) for call in calls
            ]
        # Changes come in pairs, because every other call undoes what the one before has done.
        span = 1 if operation == "create" else 2
        scripts: list[Script] = []
        for some in (calls[at : at + span] for at in range(0, len(calls), span)):
            # The first of three rounds is not kept: a task is begun only once.
            _, first, then = [[await self._sent(call, look_up) for call in some] for _ in range(3)]
            for one, other in zip(first, then, strict=True):
                script = _with(look_up, script_of_twins(*one, *other))
                scripts.append(await with_number(script, self._driver))
        return scripts

    async def _sent(self, call: Call, look_up: Step) -> tuple[list[Step], Any]:
        """The statements of a call but for the key look-up, and its answer."""
        headers = {"Content-Type": "application/json"} if call.body else {}
        with self._recording():
            answer = await self._http.request(
                call.method, call.path, content=call.body or None, headers=headers
            )
        if answer.status_code != call.expected:
            raise CannotReplay(f"{call.method} {call.path}: {answer.status_code} {answer.text}")
        return [step for step in self._steps if step.sql != look_up.sql], answer.json()

    async def _key_look_up(self) -> Step:
        prefix, _ = split_key(self._plan.key) or ("", "")
        with self._recording():
            async with self._database.system_reading() as tx:
                await KeyRepository(tx).find_with_actor(prefix)
        [step] = self._steps
        return step

    @contextmanager
    def _recording(self) -> Generator[None]:
        self._steps = []
        reader, writer = (engine.sync_engine for engine in self._database.engines)
        listeners = [
            (reader, self._listener(in_transaction=False)),
            (writer, self._listener(in_transaction=True)),
        ]
        for engine, listener in listeners:
            event.listen(engine, "before_cursor_execute", listener)
        try:
            yield
        finally:
            for engine, listener in listeners:
                event.remove(engine, "before_cursor_execute", listener)

    def _listener(self, *, in_transaction: bool) -> Any:
        def see(_c: object, _cursor: object, sql: str, given: Any, _x: object, many: bool) -> None:
            if sql.startswith("BEGIN"):
                return  # the transaction begins with the first step in one
            rows = [tuple(row) for row in given] if many else [tuple(given or ())]
            self._steps.append(Step(sql=sql, rows=rows, many=many, in_transaction=in_transaction))

        return see


def _with(look_up: Step, script: Script) -> Script:
    """The script after the key look-up, which the product may have answered from memory."""
    return replace(script, steps=[look_up, *script.steps])
