"""Claims: how many a second, how soon a waiting agent has its task, and what a thousand cost."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from bench.claim_backlog import Backlog, a_backlog
from bench.claim_clients import clients, registered
from bench.claim_sides import Agents, Bare, Side, a_bare_side, claim_all
from bench.claim_waiting import Waited, Woken, measure_waiting, measure_waking
from bench.databases import Fresh, fresh_database, settle
from bench.measuring import Options
from bench.processes import plain_server, raise_limit_of_files
from bench.report import LEAST_RATE, Cell, Sheet, Spread

EACH = {1: 96, 16: 6, 200: 1}
"""So many claimers, and how many tasks each takes in a round. No agent may hold more than 100."""

SUPPLY, HISTORY, LEAST_ROUNDS = 2_000, 2_000, 5


@dataclass(kw_only=True)
class Rounds:
    """What one side did, round after round; seconds."""

    of_round: list[float] = field(default_factory=list[float])
    of_claim: list[float] = field(default_factory=list[float])

    @property
    def per_second(self) -> float:
        return len(self.of_claim) / sum(self.of_round)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """Both sides in turns, with so many claimers."""

    database: str
    claimers: int
    nexus: Rounds
    bare: Rounds

    @property
    def ratio(self) -> float:
        return self.nexus.per_second / self.bare.per_second

    @property
    def quarters(self) -> tuple[float, float]:
        """The ratio of a round with the round of the other side after it: the middle half."""
        pairs = zip(self.nexus.of_round, self.bare.of_round, strict=True)
        lower, _, upper = quantiles([theirs / ours for ours, theirs in pairs], n=4)
        return lower, upper


@dataclass(frozen=True, kw_only=True)
class Found:
    claimed: Sequence[Claimed]
    woken: Woken
    waited: Sequence[Waited]


def measure_claims(kind: str, options: Options) -> Found:
    raise_limit_of_files()
    with fresh_database(kind, "claims") as fresh:
        return asyncio.run(_measure(fresh, options))


async def _measure(fresh: Fresh, options: Options) -> Found:
    """On one database. Commits of the bare driver are timed in a workspace where nobody waits."""
    async with a_backlog(fresh.url, "Full") as backlog, a_backlog(fresh.url, "Waiting") as other:
        await backlog.add(SUPPLY)
        with plain_server(fresh) as server:
            most = max(EACH)
            agents = await registered(
                server.port, backlog.key, most, name="Claimer", at_once=max(EACH.values())
            )
            keys = [one.key for one in agents]
            async with (
                a_bare_side(fresh.url, backlog, agents) as bare,
                clients(server.port, keys) as asking,
            ):
                await _claim_before(bare, backlog, fresh)
                sides: Mapping[str, Side] = {"nexus": Agents(asking), "bare": bare}
                claimed = await _claim(fresh.kind, sides, backlog, options)
                woken = await measure_waking(
                    fresh.kind, server, other, _Commits(bare, backlog).commit, options
                )
        with plain_server(fresh) as server:
            waited = await measure_waiting(fresh.kind, server, other, options)
    return Found(claimed=claimed, woken=woken, waited=waited)


async def _claim_before(bare: Bare, backlog: Backlog, fresh: Fresh) -> None:
    """Claims that are over. Where PostgreSQL knows of none yet, it plans for empty tables."""
    most = max(EACH)
    for _ in range(HISTORY // most):
        await _round(bare, most, 1, backlog, Rounds())
    settle(fresh)


class _Commits:
    """What a claim writes, on the bare driver and for one task after the other."""

    def __init__(self, bare: Bare, backlog: Backlog) -> None:
        self._bare = bare
        self._backlog = backlog
        self._left = 0

    async def commit(self) -> None:
        await self._bare.commit(max(self._backlog.ids) - self._left)
        self._left += 1


async def _claim(
    kind: str, sides: Mapping[str, Side], backlog: Backlog, options: Options
) -> list[Claimed]:
    """Rounds in turns, until the server has had its seconds. The first of each is not counted."""
    advance = options.progress(f"Claiming {kind}", len(EACH))
    found: list[Claimed] = []
    for claimers, each in EACH.items():
        rounds = {name: Rounds() for name in sides}
        for side in sides.values():
            await _round(side, claimers, each, backlog, Rounds())
        while (
            sum(rounds["nexus"].of_round) < options.seconds
            or len(rounds["nexus"].of_round) < LEAST_ROUNDS
        ):
            for name, side in sides.items():
                await _round(side, claimers, each, backlog, rounds[name])
        found.append(Claimed(database=kind, claimers=claimers, **rounds))
        advance(1)
    return found


async def _round(side: Side, claimers: int, each: int, backlog: Backlog, into: Rounds) -> None:
    """Before it nothing is held, and as many tasks are ready as before any other."""
    took, claims = await claim_all(side, claimers, each)
    into.of_round.append(took)
    into.of_claim.extend(claims)
    await backlog.finish(expected=claimers * each)
    await backlog.add(claimers * each)


def claimed_sheet(found: Sequence[Found], circumstances: str) -> Sheet:
    return Sheet(
        title="Claims",
        note=(
            "Claims a second, and milliseconds from the request to the task. `nexus`: registered "
            "agents, each with a key and a connection of its own, ask `nexus serve` for the next "
            "task (`POST /agents/assign`). `bare`: the same statements for other tasks, under the "
            "names of the same agents, on the bare driver without a server (SQLite: one "
            "connection, where no claim waits for another and its p50 and p99 hold no waiting; "
            "PostgreSQL: a pool of 10). In turns, on the same database, in rounds in "
            f"which each claimer takes {_listed(EACH)} tasks; only claims are timed. Between the "
            "rounds what is held is finished past the server and as many tasks are added, so that "
            f"{SUPPLY:,} are ready and none is held when one begins; {HISTORY:,} claims are over "
            "before the first, and PostgreSQL has counted them (ANALYZE). The quarters are of the "
            f"ratio of single rounds. Aim: at least {LEAST_RATE} of bare. {circumstances}"
        ),
        header=(
            *("database", "claimers", "rounds", "nexus /s", "p50", "p99"),
            *("bare /s", "p50", "p99", "nexus/bare", "lower quarter", "upper quarter"),
        ),
        rows=[_claimed_row(one) for each in found for one in each.claimed],
    )


def _listed(each: Mapping[int, int]) -> str:
    return ", ".join(f"{tasks} (of {claimers})" for claimers, tasks in each.items())


def _claimed_row(one: Claimed) -> list[Cell]:
    return [
        Cell(text=one.database),
        Cell(text=f"{one.claimers:,}"),
        Cell(text=f"{len(one.nexus.of_round):,}"),
        Cell(text=f"{one.nexus.per_second:,.0f}"),
        *Spread.of(one.nexus.of_claim).cells(),
        Cell(text=f"{one.bare.per_second:,.0f}"),
        *Spread.of(one.bare.of_claim).cells(),
        Cell(text=f"{one.ratio:.2f}", missed=one.ratio < LEAST_RATE),
        *[Cell(text=f"{quarter:.2f}") for quarter in one.quarters],
    ]
