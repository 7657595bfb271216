"""What can be wrong with agents."""

from nexus.platform.errors import Conflict, Invalid, NotFound


class AgentNotFound(NotFound):
    code = "agent.not_found"
    message = "There is no agent '{id}' in this workspace. 'nexus agent list' shows all."


class AgentPaused(Conflict):
    code = "agent.paused"
    message = "No work for now: {who} paused ({reason}). Ask again when a person resumes it."


class AgentHandleTaken(Conflict):
    code = "agent.handle_taken"
    message = "Somebody has taken the handle '{handle}' this very moment. Register again."


class ComplexityRangeEmpty(Invalid):
    code = "agent.complexity_range_empty"
    message = "No complexity is at least {least} and at most {most}."
