"""What can be wrong with repositories."""

from nexus.platform.errors import Conflict, NotFound


class RepositoryNotFound(NotFound):
    code = "repository.not_found"
    message = "There is no repository '{id}' in this workspace."


class RepositoryTaken(Conflict):
    code = "repository.taken"
    message = "There is a repository with the name '{name}' or the same url already."
