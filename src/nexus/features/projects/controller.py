"""Projects, their members and repositories over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post, put
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_204_NO_CONTENT

from nexus.features.projects.dto import (
    PolicyIn,
    ProjectIn,
    ProjectMemberOut,
    ProjectMemberPage,
    ProjectOut,
    ProjectPage,
    ProjectPatch,
    ProjectRepositoryOut,
    ProjectRepositoryPage,
)
from nexus.features.projects.service import (
    ProjectMemberService,
    ProjectRepositoryService,
    ProjectService,
)
from nexus.features.projects.wiring import (
    project_member_service,
    project_repository_service,
    project_service,
)
from nexus.platform.actor import Actor, ActorId
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


class ProjectController(Controller):
    path = "/projects"
    tags = ["Projects"]
    dependencies = {"projects": Provide(project_service, sync_to_thread=False)}

    @get(guards=[may("projects:read")], operation_id="listProjects", summary="List projects")
    async def list_projects(
        self,
        request: Request[Any, Any, Any],
        projects: ProjectService,
        archived: Annotated[bool, QueryParameter(description="The archived ones instead.")] = False,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[ProjectPage]:
        page = await projects.list_projects(cursor, limit, archived=archived)
        items = [ProjectOut.of(project) for project in page.items]
        return paged(request, ProjectPage(items=items, next_cursor=page.next_cursor))

    @post(guards=[may("projects:write")], operation_id="createProject", summary="Create a project")
    async def create(
        self, data: ProjectIn, projects: ProjectService, actor: Actor
    ) -> Response[ProjectOut]:
        project = await projects.create(
            data.key,
            name=data.name,
            description=data.description,
            visibility=data.visibility,
            lead_id=ActorId(data.lead_id) if data.lead_id else None,
            by=actor,
        )
        return versioned(ProjectOut.of(project), status=201)

    @get(
        "/{key:str}",
        guards=[may("projects:read")],
        operation_id="getProject",
        summary="Get a project",
    )
    async def get_project(self, key: str, projects: ProjectService) -> Response[ProjectOut]:
        return versioned(ProjectOut.of(await projects.get(key)))

    @patch(
        "/{key:str}",
        guards=[may("projects:write")],
        operation_id="updateProject",
        summary="Change or archive a project",
    )
    async def update(
        self,
        key: str,
        data: ProjectPatch,
        projects: ProjectService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[ProjectOut]:
        lead_id = given(data.lead_id)
        project = await projects.update(
            key,
            name=given(data.name),
            description=given(data.description),
            visibility=given(data.visibility),
            lead_id=ActorId(lead_id) if lead_id else None,
            archived=given(data.archived),
            version=expected_version(if_match),
            by=actor,
        )
        return versioned(ProjectOut.of(project))

    @put(
        "/{key:str}/policy",
        guards=[may("projects:write")],
        operation_id="setProjectPolicy",
        summary="Say what it takes to finish a task of a project",
    )
    async def set_policy(
        self,
        key: str,
        data: PolicyIn,
        projects: ProjectService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[ProjectOut]:
        project = await projects.set_policy(
            key, data.policy(), version=expected_version(if_match), by=actor
        )
        return versioned(ProjectOut.of(project))


class ProjectMemberController(Controller):
    path = "/projects/{key:str}/members"
    tags = ["Projects"]
    dependencies = {"members": Provide(project_member_service, sync_to_thread=False)}

    @get(
        guards=[may("projects:read")],
        operation_id="listProjectMembers",
        summary="List a project's members",
    )
    async def list_members(self, key: str, members: ProjectMemberService) -> ProjectMemberPage:
        items = [ProjectMemberOut.of(member) for member in await members.list_members(key)]
        return ProjectMemberPage(items=items, next_cursor=None)

    @put(
        "/{user_id:uuid}",
        status_code=HTTP_204_NO_CONTENT,
        guards=[may("projects:write")],
        operation_id="addProjectMember",
        summary="Add a member to a project",
    )
    async def add(
        self, key: str, user_id: UUID, members: ProjectMemberService, actor: Actor
    ) -> None:
        await members.add(key, ActorId(user_id), by=actor)

    @delete(
        "/{user_id:uuid}",
        guards=[may("projects:write")],
        operation_id="removeProjectMember",
        summary="Remove a member from a project",
    )
    async def remove(
        self, key: str, user_id: UUID, members: ProjectMemberService, actor: Actor
    ) -> None:
        await members.remove(key, ActorId(user_id), by=actor)


class ProjectRepositoryController(Controller):
    path = "/projects/{key:str}/repositories"
    tags = ["Projects"]
    dependencies = {"repositories": Provide(project_repository_service, sync_to_thread=False)}

    @get(
        guards=[may("projects:read")],
        operation_id="listProjectRepositories",
        summary="List the repositories that a project is about",
    )
    async def list_repositories(
        self, key: str, repositories: ProjectRepositoryService
    ) -> ProjectRepositoryPage:
        found = await repositories.list_repositories(key)
        items = [ProjectRepositoryOut.of(repository) for repository in found]
        return ProjectRepositoryPage(items=items, next_cursor=None)

    @put(
        "/{repository_id:uuid}",
        status_code=HTTP_204_NO_CONTENT,
        guards=[may("projects:write")],
        operation_id="addProjectRepository",
        summary="Say that a project is about a repository",
    )
    async def add(
        self, key: str, repository_id: UUID, repositories: ProjectRepositoryService, actor: Actor
    ) -> None:
        await repositories.add(key, repository_id, by=actor)

    @delete(
        "/{repository_id:uuid}",
        guards=[may("projects:write")],
        operation_id="removeProjectRepository",
        summary="Say that a project is no longer about a repository",
    )
    async def remove(
        self, key: str, repository_id: UUID, repositories: ProjectRepositoryService, actor: Actor
    ) -> None:
        await repositories.remove(key, repository_id, by=actor)
