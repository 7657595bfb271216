"""Repositories over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, patch, post
from litestar.di import Provide
from litestar.params import QueryParameter

from nexus.features.repositories.domain import RepositoryId
from nexus.features.repositories.dto import (
    RepositoryIn,
    RepositoryOut,
    RepositoryPage,
    RepositoryPatch,
)
from nexus.features.repositories.service import RepositoryService
from nexus.features.repositories.wiring import repository_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    expected_version,
    given,
    paged,
    versioned,
)
from nexus.platform.http.guards import may


class RepositoryController(Controller):
    path = "/repositories"
    tags = ["Repositories"]
    dependencies = {"repositories": Provide(repository_service, sync_to_thread=False)}

    @get(
        guards=[may("repositories:read")],
        operation_id="listRepositories",
        summary="List repositories",
    )
    async def list_repositories(
        self,
        request: Request[Any, Any, Any],
        repositories: RepositoryService,
        archived: Annotated[bool, QueryParameter(description="The archived ones instead.")] = False,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[RepositoryPage]:
        page = await repositories.list_repositories(cursor, limit, archived=archived)
        items = [RepositoryOut.of(repository) for repository in page.items]
        return paged(request, RepositoryPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("repositories:write")],
        operation_id="createRepository",
        summary="Add a repository",
    )
    async def create(
        self, data: RepositoryIn, repositories: RepositoryService, actor: Actor
    ) -> Response[RepositoryOut]:
        repository = await repositories.create(
            data.name,
            url=data.url,
            provider=data.provider,
            default_branch=data.default_branch,
            by=actor,
        )
        return versioned(RepositoryOut.of(repository), status=201)

    @get(
        "/{repository_id:uuid}",
        guards=[may("repositories:read")],
        operation_id="getRepository",
        summary="Get a repository",
    )
    async def get_repository(
        self, repository_id: UUID, repositories: RepositoryService
    ) -> Response[RepositoryOut]:
        repository = await repositories.get(RepositoryId(repository_id))
        return versioned(RepositoryOut.of(repository))

    @patch(
        "/{repository_id:uuid}",
        guards=[may("repositories:write")],
        operation_id="updateRepository",
        summary="Change or archive a repository",
    )
    async def update(
        self,
        repository_id: UUID,
        data: RepositoryPatch,
        repositories: RepositoryService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[RepositoryOut]:
        repository = await repositories.update(
            RepositoryId(repository_id),
            name=given(data.name),
            url=given(data.url),
            default_branch=given(data.default_branch),
            archived=given(data.archived),
            version=expected_version(if_match),
            by=actor,
        )
        return versioned(RepositoryOut.of(repository))
