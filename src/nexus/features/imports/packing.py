"""What goes into a file, and what everything is called in it: pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import IO, Protocol

from nexus.features.imports.domain import Import
from nexus.features.imports.outgoing import (
    EVERYTHING,
    Departure,
    Name,
    Origin,
    Outgoing,
    Relation,
    Said,
    changed_since,
)
from nexus.features.tasks.domain import Task, TaskId, TaskSummary


class FileWriter(Protocol):
    """A format as it is written, following a file that came in where there is one.

    `only_list`: it has no lists but this one. `is_nesting`: a part of a task can have parts.
    """

    @property
    def only_list(self) -> str | None: ...

    @property
    def is_nesting(self) -> bool: ...

    def name(self, list_name: str, task: TaskSummary, parent: str | None) -> str:
        """A free id for a task that is new in the file."""
        ...

    def holds(self, name: Name) -> bool:
        """Whether the file that came in has such a record."""
        ...

    def is_in_place(self, name: Name, parent: str | None) -> bool:
        """Whether a record can keep its id as a part of that parent."""
        ...

    def has_said(self, name: Name, comment: Said) -> bool:
        """Whether the comment came in with a record of the file."""
        ...

    def write(self, departure: Departure, into: IO[bytes]) -> None: ...


class Packing:
    """Names all tasks first, then takes them in one after the other, in any order."""

    def __init__(
        self,
        writer: FileWriter,
        frame: Import | None,
        *,
        sources: Collection[str],
        projects: Collection[str],
    ) -> None:
        self.departure = Departure()
        if frame and not writer.only_list:
            self.departure.closed = {
                name for name, project in frame.projects.items() if project not in projects
            }
        self._writer = writer
        self._frame = frame
        self._sources = sources
        self._names: dict[TaskId, Name] = {}
        self._in_place: set[TaskId] = set()
        self._no_longer_there: Collection[TaskId] = ()
        self._left_behind: dict[Name, Outgoing] = {}
        self._parents: dict[TaskId, TaskId] = {}

    def name(self, going: Iterable[TaskSummary], came: Mapping[TaskId, Name]) -> None:
        """Let each keep the name that it has in the file, or find it a new one.

        `came` are the records of its source that became tasks, of older versions too.
        """
        there = {task_id: name for task_id, name in came.items() if self._writer.holds(name)}
        self._no_longer_there = came.keys() - there.keys()
        waiting = {one.id: one for one in going}
        self._parents = {one.id: one.parent.id for one in waiting.values() if one.parent}
        for task_id, name in there.items():
            if task_id in waiting and self._is_of_list(waiting[task_id], name[0]):
                self._names[task_id] = name
        self._in_place = set(self._names)
        while True:
            self._name_the_rest(waiting)
            moved = {
                task_id
                for task_id, name in self._names.items()
                if not self._writer.is_in_place(name, self._parent(task_id, name[0]))
            }
            if not moved:
                break
            self._in_place -= moved
            for task_id in moved:
                del self._names[task_id]
        self.departure.gone = set(there.values()) - {self._names[one] for one in self._in_place}

    def _name_the_rest(self, waiting: Mapping[TaskId, TaskSummary]) -> None:
        """Parents first, for an id may say what it is part of."""
        rest = [one for task_id, one in waiting.items() if task_id not in self._names]
        for one in sorted(rest, key=lambda o: (self._depth(o.id), o.project_key, o.number)):
            list_name = self._list_of(one)
            own_id = self._writer.name(list_name, one, self._parent(one.id, list_name))
            self._names[one.id] = (list_name, own_id)

    def take(self, task: Task, origin: Origin | None, said: Sequence[Said]) -> None:
        """Put a task in; one that is as it came in only keeps its place."""
        if task.id not in self._names:  # it was made while the export ran
            return
        name = self._names[task.id]
        depends_on = [self._near(one.id, name[0]) for one in task.dependencies]
        self.departure.left_out += depends_on.count(None)
        is_there = task.id in self._in_place
        original = origin.original if origin and origin.source in self._sources else None
        label = self._frame.label_of(name[0]) if self._frame else None
        outgoing = Outgoing(
            name=name,
            task=replace(task, labels=_without(task.labels, label)),
            parent=self._parent(task.id, name[0]),
            depends_on=tuple(one for one in depends_on if one),
            relations=tuple(self._relations(task, name[0])),
            comments=tuple(
                one for one in said if not is_there or not self._writer.has_said(name, one)
            ),
            original=original,
            changed=EVERYTHING,
        )
        if is_there and origin:
            outgoing = changed_since(outgoing, origin.base)
            if outgoing.changed:
                self.departure.changed[name] = outgoing
        elif task.id in self._no_longer_there and origin and _is_as_it_came(outgoing, origin):
            self._left_behind[name] = outgoing
        else:
            self.departure.fresh.setdefault(name[0], []).append(outgoing)

    def finish(self) -> Departure:
        """What the newest file has let go of and nobody has touched since stays away, unless
        something that goes out leads to it."""
        going = [*self.departure.changed.values()]
        going += [one for some in self.departure.fresh.values() for one in some]
        while going:
            one = going.pop()
            for own_id in (*one.depends_on, one.parent or ""):
                met = self._left_behind.pop((one.name[0], own_id), None)
                if met:
                    self.departure.fresh.setdefault(met.name[0], []).append(met)
                    going.append(met)
        for some in self.departure.fresh.values():
            some.sort(key=lambda one: (one.task.project_key, one.task.number))
        return self.departure

    def _relations(self, task: Task, list_name: str) -> Iterable[Relation]:
        for link in task.links:
            to = self._near(link.task.id, list_name) if link.task else None
            if to or link.url:
                yield Relation(kind=link.kind, to=to, url=link.url)

    def _near(self, task_id: TaskId, list_name: str) -> str | None:
        """What another task is called, if it stands in the same list."""
        other_list, own_id = self._names.get(task_id, (None, None))
        return own_id if other_list == list_name else None

    def _parent(self, task_id: TaskId, list_name: str) -> str | None:
        """What a task is part of there; where there is one level only, that is the topmost."""
        found: str | None = None
        above = self._parents.get(task_id)
        while above and (own_id := self._near(above, list_name)):
            found = own_id
            above = None if self._writer.is_nesting else self._parents.get(above)
        return found

    def _depth(self, task_id: TaskId) -> int:
        depth, at = 0, task_id
        while at in self._parents:
            depth, at = depth + 1, self._parents[at]
        return depth

    def _is_of_list(self, task: TaskSummary, list_name: str) -> bool:
        if self._writer.only_list or self._frame is None:
            return True
        return self._frame.projects.get(list_name) == task.project_key

    def _list_of(self, task: TaskSummary) -> str:
        lists = self._frame.projects.items() if self._frame else ()
        fits = [name for name, project in lists if project == task.project_key]
        return self._writer.only_list or next(iter(fits), task.project_key.lower())


def _without(labels: Iterable[str], label: str | None) -> tuple[str, ...]:
    return tuple(one for one in labels if not label or one.casefold() != label.casefold())


def _is_as_it_came(outgoing: Outgoing, origin: Origin) -> bool:
    """Whether its own fields are, whatever it is called and stands beside now."""
    return changed_since(outgoing, origin.base).changed <= _SURROUNDINGS


_SURROUNDINGS = {"parent", "depends_on", "relations", "comments"}
