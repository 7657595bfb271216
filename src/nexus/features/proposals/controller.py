"""Proposals over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK

from nexus.features.proposals.domain import ProposalId, ProposalState
from nexus.features.proposals.dto import (
    ProposalIn,
    ProposalOut,
    ProposalPage,
    ProposalRejectionIn,
)
from nexus.features.proposals.service import ProposalService
from nexus.features.proposals.wiring import proposal_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import CursorParameter, Limit, TaskPath, paged
from nexus.platform.http.guards import may


class ExpansionController(Controller):
    path = "/tasks/{task:str}/proposals"
    tags = ["Proposals"]
    dependencies = {"proposals": Provide(proposal_service, sync_to_thread=False)}

    @post(
        guards=[may("tasks:write")],
        operation_id="expandTask",
        summary="Propose how to split a task, or let a language model do so",
    )
    async def expand(
        self,
        task: TaskPath,
        data: ProposalIn,
        proposals: ProposalService,
        actor: Actor,
        asks_model: bool,
    ) -> ProposalOut:
        made = await proposals.propose(
            task, data.content(), data.instructions, asks_model=asks_model, by=actor
        )
        return ProposalOut.of(*made)


class ProposalController(Controller):
    path = "/proposals"
    tags = ["Proposals"]
    dependencies = {"proposals": Provide(proposal_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listProposals",
        summary="List proposals to split tasks, newest first",
    )
    async def list_proposals(
        self,
        request: Request[Any, Any, Any],
        proposals: ProposalService,
        task: Annotated[
            str | None,
            QueryParameter(required=False, max_length=60, description="Of this task: key or id."),
        ] = None,
        proposal_state: Annotated[
            ProposalState | None,
            QueryParameter(name="state", required=False, description="In this state."),
        ] = None,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[ProposalPage]:
        page, keys = await proposals.list_proposals(task, proposal_state, cursor, limit)
        items = [
            ProposalOut.of(one, keys[one.task_id]) for one in page.items if one.task_id in keys
        ]
        return paged(request, ProposalPage(items=items, next_cursor=page.next_cursor))

    @get(
        "/{proposal_id:uuid}",
        guards=[may("tasks:read")],
        operation_id="getProposal",
        summary="Get a proposal",
    )
    async def get_proposal(self, proposal_id: UUID, proposals: ProposalService) -> ProposalOut:
        return ProposalOut.of(*await proposals.get(ProposalId(proposal_id)))

    @post(
        "/{proposal_id:uuid}/acceptance",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="acceptProposal",
        summary="Split a task as proposed",
    )
    async def accept(
        self, proposal_id: UUID, proposals: ProposalService, actor: Actor
    ) -> ProposalOut:
        return ProposalOut.of(*await proposals.accept(ProposalId(proposal_id), by=actor))

    @post(
        "/{proposal_id:uuid}/rejection",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="rejectProposal",
        summary="Do without a proposal",
    )
    async def reject(
        self,
        proposal_id: UUID,
        data: ProposalRejectionIn,
        proposals: ProposalService,
        actor: Actor,
    ) -> ProposalOut:
        rejected = await proposals.reject(ProposalId(proposal_id), data.reason, by=actor)
        return ProposalOut.of(*rejected)
