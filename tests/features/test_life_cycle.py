"""The life of tasks, in any order of steps, agrees with a model of a few lines."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.settings import Settings
from tests.cast import Person, enter

T = TypeVar("T")

OPEN = ["backlog", "todo", "in_progress", "in_review", "deferred"]
FINISHED = ["done", "cancelled"]


@dataclass
class Modelled:
    """What a task should look like."""

    status: str
    parent: str | None
    dependencies: set[str]
    version: int = 1
    is_archived: bool = False

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


@dataclass
class Model:
    """The rules of a task's life in memory, by key."""

    tasks: dict[str, Modelled] = field(default_factory=dict[str, Modelled])

    def line_of(self, key: str) -> Iterator[str]:
        """A task and its ancestors."""
        at: str | None = key
        while at:
            yield at
            at = self.tasks[at].parent

    def open_dependencies(self, key: str) -> int:
        return sum(
            not self.tasks[on].is_finished
            for one in self.line_of(key)
            for on in self.tasks[one].dependencies
        )

    def open_subtasks(self, key: str) -> int:
        return sum(not task.is_finished for task in self.tasks.values() if task.parent == key)

    def is_ready(self, key: str) -> bool:
        waits = self.open_dependencies(key) or self.open_subtasks(key)
        return self.tasks[key].status == "todo" and not waits

    def ready(self) -> set[str]:
        return {key for key in self.tasks if self.is_ready(key)}

    def has_cycle(self) -> bool:
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for one, other in self._needs():
            sorter.add(one, other)
        try:
            sorter.prepare()
        except CycleError:
            return True
        return False

    def unlocks(self, key: str) -> int:
        """How many open tasks wait for this open one, over others too."""
        reached = {f"finish {key}"}
        needs = list(self._needs(is_live=True))
        while more := {one for one, other in needs if other in reached} - reached:
            reached |= more
        return len({f"finish {other}" for other in self.tasks if other != key} & reached)

    def _needs(self, *, is_live: bool = False) -> Iterator[tuple[str, str]]:
        """What needs what first; `is_live` leaves out the finishes that have happened."""
        gone = {k for k, task in self.tasks.items() if task.is_finished} if is_live else set[str]()
        for key, task in self.tasks.items():
            if key not in gone:
                yield f"finish {key}", f"gate {key}"
            for on in task.dependencies - gone:
                yield f"gate {key}", f"finish {on}"
            if task.parent:
                yield f"gate {key}", f"gate {task.parent}"
                if task.parent not in gone and key not in gone:
                    yield f"finish {task.parent}", f"finish {key}"


class World:
    """An event loop, a database and the application on it, for machines that are synchronous."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._database = Database(understand_url(url))
        self._app = Nexus(self._database, settings)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def an_owner(self) -> Person:
        return self.run(enter(self._database, self._app)).ada

    def close(self) -> None:
        self.run(self._database.close())
        self._runner.close()


class TaskLife(RuleBasedStateMachine):
    """Every rule does one thing over HTTP and in the model, and compares what is answered."""

    tasks = Bundle("tasks")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.model = Model()
        self.ada = world.an_owner()
        self.world.run(self.ada.a_project())
        self.events = self.last_seq()

    @initialize(target=tasks)
    def a_first_task(self) -> str:
        return self.create("todo", None, [])

    @rule(
        target=tasks,
        status=st.sampled_from(OPEN),
        parent=st.none() | tasks,
        dependencies=st.lists(tasks, max_size=3),
    )
    def created(self, status: str, parent: str | None, dependencies: list[str]) -> Any:
        key = f"API-{len(self.model.tasks) + 1}"
        before = dict(self.model.tasks)
        self.model.tasks[key] = Modelled(status, parent, set(dependencies))
        if parent and before[parent].is_archived:
            code = "task.archived"
        elif self.model.has_cycle():
            code = "task.dependency_cycle"
        else:
            return self.create(status, parent, dependencies)
        self.model.tasks = before
        body = {"project": "API", "title": "A task", "parent": parent, "dependencies": dependencies}
        self.refused(code, "POST", "/tasks", body)
        return multiple()

    @rule(key=tasks, status=st.sampled_from([*OPEN, *FINISHED]))
    def status_set(self, key: str, status: str) -> None:
        task = self.model.tasks[key]
        path, body = f"/tasks/{key}/status", {"status": status}
        if status == task.status:
            self.accepted("PATCH", path, body, key)
        elif task.is_archived:
            self.refused("task.archived", "PATCH", path, body)
        elif task.is_finished and status != "todo":
            self.refused("task.status_not_allowed", "PATCH", path, body)
        else:
            ready = self.model.ready()
            has_turned = task.is_finished != (status in FINISHED)
            task.status = status
            self.changed(task)
            self.accepted("PATCH", path, body, key)
            freed = self.model.ready() - ready - {key} if task.is_finished else set[str]()
            payload = self.last_event()["payload"]
            assert set(payload["became_ready"]) == (freed if has_turned else set())

    @rule(key=tasks, on=tasks)
    def made_dependent(self, key: str, on: str) -> None:
        task = self.model.tasks[key]
        path, body = f"/tasks/{key}/dependencies", {"depends_on": on}
        if task.is_archived:
            self.refused("task.archived", "POST", path, body)
        elif on in task.dependencies:
            self.accepted("POST", path, body, key, status=201)
        else:
            task.dependencies.add(on)
            if self.model.has_cycle():
                task.dependencies.remove(on)
                self.refused("task.dependency_cycle", "POST", path, body)
            else:
                self.changed(task)
                self.accepted("POST", path, body, key, status=201)

    @rule(key=tasks, on=tasks)
    def made_independent(self, key: str, on: str) -> None:
        task = self.model.tasks[key]
        path = f"/tasks/{key}/dependencies/{on}"
        if on not in task.dependencies:
            self.accepted("DELETE", path, None, key)
        elif task.is_archived:
            self.refused("task.archived", "DELETE", path, None)
        else:
            ready = self.model.ready()
            task.dependencies.remove(on)
            self.changed(task)
            self.accepted("DELETE", path, None, key)
            freed = self.model.ready() - ready
            assert set(self.last_event()["payload"]["became_ready"]) == freed

    @rule(key=tasks, parent=st.none() | tasks)
    def given_a_parent(self, key: str, parent: str | None) -> None:
        task = self.model.tasks[key]
        path, body = f"/tasks/{key}", {"parent": parent}
        old = task.parent
        if task.is_archived:
            self.refused("task.archived", "PATCH", path, body)
        elif parent == old:
            self.accepted("PATCH", path, body, key)
        elif parent and self.model.tasks[parent].is_archived:
            self.refused("task.archived", "PATCH", path, body)
        else:
            task.parent = parent
            if self.model.has_cycle():
                task.parent = old
                self.refused("task.dependency_cycle", "PATCH", path, body)
            else:
                self.changed(task)
                self.accepted("PATCH", path, body, key)

    @rule(key=tasks, archived=st.booleans())
    def archived(self, key: str, archived: bool) -> None:
        task = self.model.tasks[key]
        path, body = f"/tasks/{key}", {"archived": archived}
        if archived and not task.is_finished:
            self.refused("task.not_finished", "PATCH", path, body)
        else:
            if archived != task.is_archived:
                task.is_archived = archived
                self.changed(task)
            self.accepted("PATCH", path, body, key)

    @rule(key=tasks, is_status=st.booleans())
    def changed_with_a_stale_version(self, key: str, is_status: bool) -> None:
        path = f"/tasks/{key}/status" if is_status else f"/tasks/{key}"
        body = {"status": "done"} if is_status else {"title": "Too late"}
        stale = {"If-Match": f'"{self.model.tasks[key].version + 1}"'}

        self.refused("stale", "PATCH", path, body, headers=stale)

    @invariant()
    def all_agree(self) -> None:
        seen = self.seen_tasks()

        assert seen.keys() == self.model.tasks.keys()
        for key, task in self.model.tasks.items():
            one = seen[key]
            assert (one["status"], one["version"]) == (task.status, task.version)
            assert {other["key"] for other in one["dependencies"]} == task.dependencies
            assert (one["parent"] or {}).get("key") == task.parent
            assert one["open_dependencies"] == self.model.open_dependencies(key)
            assert one["open_subtasks"] == self.model.open_subtasks(key)
            if not task.is_finished:
                assert one["unlock_count"] == self.model.unlocks(key)
        ready = self.world.run(self.ada.get("/tasks", ready=True, limit=200))
        assert {one["key"] for one in ready["items"]} == self.model.ready()
        assert self.last_seq() == self.events

    def create(self, status: str, parent: str | None, dependencies: list[str]) -> str:
        made = self.world.run(
            self.ada.a_task("API", status=status, parent=parent, dependencies=dependencies)
        )
        self.model.tasks[made["key"]] = Modelled(status, parent, set(dependencies))
        self.events += 1
        return made["key"]

    def changed(self, task: Modelled) -> None:
        task.version += 1
        self.events += 1

    def accepted(self, method: str, path: str, body: Any, key: str, *, status: int = 200) -> None:
        answer = self.world.run(self.ada.call(method, path, json=body))
        assert answer.status_code == status, answer.text
        out, task = answer.json(), self.model.tasks[key]
        assert (out["key"], out["status"], out["version"]) == (key, task.status, task.version)
        assert (out["archived_at"] is not None) == task.is_archived
        assert out["open_dependencies"] == self.model.open_dependencies(key)
        assert out["open_subtasks"] == self.model.open_subtasks(key)
        assert out["is_ready"] == self.model.is_ready(key)
        assert answer.headers["ETag"] == f'"{task.version}"'

    def refused(
        self, code: str, method: str, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> None:
        options = {"json": body} if body is not None else {}
        answer = self.world.run(self.ada.call(method, path, headers=headers or {}, **options))
        assert answer.status_code in {409, 412}, answer.text
        assert answer.json()["code"] == code

    def seen_tasks(self) -> dict[str, Any]:
        pages = [
            self.world.run(self.ada.get("/tasks", limit=200, archived=is_archived))
            for is_archived in (False, True)
        ]
        archived = {one["key"] for one in pages[1]["items"]}
        assert archived == {key for key, task in self.model.tasks.items() if task.is_archived}
        return {one["key"]: one for page in pages for one in page["items"]}

    def last_event(self) -> Any:
        return self.world.run(self.ada.last_event())

    def last_seq(self) -> int:
        return self.last_event()["seq"]


@pytest.fixture
def world(database_url: str, settings: Settings) -> Iterator[World]:
    world = World(database_url, settings)
    yield world
    world.close()


def test_tasks_live_as_the_model_says_whatever_happens_to_them(world: World) -> None:
    bounded = settings(
        max_examples=15,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(lambda: TaskLife(world), settings=bounded)


async def test_an_archived_task_is_not_edited_by_archiving_it_again(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    await ada.finish(task["key"])
    archived = await ada.patch(f"/tasks/{task['key']}", {"archived": True})

    refused = await ada.call(
        "PATCH", f"/tasks/{task['key']}", json={"archived": True, "title": "Rewritten"}
    )

    assert refused.status_code == 409
    assert refused.json()["code"] == "task.archived"
    assert await ada.get(f"/tasks/{task['key']}") == archived


async def test_a_task_can_leave_the_archive_and_change_in_one_go(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    await ada.finish(task["key"])
    await ada.patch(f"/tasks/{task['key']}", {"archived": True})

    changed = await ada.patch(f"/tasks/{task['key']}", {"archived": False, "title": "Back"})

    assert (changed["archived_at"], changed["title"], changed["version"]) == (None, "Back", 4)
