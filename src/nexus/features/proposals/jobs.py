"""Asking language models for proposals, and giving up where none answered."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from nexus.clients.language_models import LanguageModel, ModelAnswer, NoAnswer
from nexus.features.proposals.domain import ANSWERS_WITHIN, ASK, Content, ProposalId, ProposalState
from nexus.features.proposals.prompting import (
    SCHEMA,
    NotUnderstood,
    asked_again,
    messages_about,
    understood,
)
from nexus.features.proposals.wiring import proposal_service
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.jobs.declaring import Run, job

AT_A_TIME = 100


@dataclass(frozen=True, kw_only=True)
class Models:
    """The language model that this server asks, if one is set up."""

    default: LanguageModel | None


@job(ASK)
async def ask_model(run: Run, workspace_id: str, proposal_id: str) -> None:
    """Ask the language model how to split a task, and propose what it says."""
    model = run.of(Models).default
    await run.step("ask", ask, run.database, model, workspace_id, proposal_id)


async def ask(
    database: Database, model: LanguageModel | None, workspace_id: str, proposal_id: str
) -> None:
    """Killed in between, it asks again; an answer is taken in once."""
    of, which = WorkspaceId(UUID(workspace_id)), ProposalId(UUID(proposal_id))
    async with database.reading(of) as tx:
        proposal, task = await proposal_service(tx).question(which)
    if proposal.state is not ProposalState.ASKED:
        return
    try:
        content, answer = await _answer(model, messages_about(task, proposal.instructions))
    except (NoAnswer, NotUnderstood) as why:
        async with database.transaction(of) as tx:
            await proposal_service(tx).fail(which, str(why))
        return
    async with database.transaction(of) as tx:
        await proposal_service(tx).answered(which, content, answer.model)


async def _answer(model: LanguageModel | None, messages: list[Any]) -> tuple[Content, ModelAnswer]:
    """What it proposes. It may try twice to say it so that it can be used."""
    if model is None:
        raise NoAnswer("No language model is set up here any more.")
    answer = await model.ask(messages, SCHEMA)
    try:
        return understood(answer.content), answer
    except NotUnderstood as why:
        answer = await model.ask(asked_again(messages, answer.content, str(why)), SCHEMA)
    try:
        return understood(answer.content), answer
    except NotUnderstood as why:
        raise NotUnderstood(f"The language model's answer cannot be used: {why}") from why


@job("proposals.give_up", schedule="*/5 * * * *")
async def give_up(run: Run) -> None:
    """End the wait for answers that did not come, as after a restore from an archive."""
    await give_up_all(run.database)


async def give_up_all(database: Database) -> int:
    """The same; how many they were."""
    async with database.system_reading() as tx:
        before = now() - ANSWERS_WITHIN
        late = await proposal_service(tx).list_unanswered(before, AT_A_TIME)
    for workspace_id, proposal_id in late:
        async with database.transaction(workspace_id) as tx:
            await proposal_service(tx).fail(proposal_id, "No answer came. Ask again.")
    return len(late)


JOBS = [ask_model, give_up]
