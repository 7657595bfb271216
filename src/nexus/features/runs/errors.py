"""What can be wrong with runs."""

from nexus.platform.errors import Conflict, Invalid, NotAllowed, NotFound


class AgentNotNamed(Invalid):
    code = "run.agent_not_named"
    message = "Say which agent the task is for: 'agent' takes its id or handle."


class AgentsForThemselves(NotAllowed):
    code = "run.agents_for_themselves"
    message = "An agent takes tasks for itself alone; a person assigns them to any agent."


class AgentBusy(Conflict):
    code = "agent.busy"
    message = "{reason} Submit or release what is under way first, or raise 'max_tasks'."


class TaskNotForAgent(Conflict):
    code = "task.not_for_agent"
    message = "{key} is not for this agent: {reason} Another agent, or a person, may take it."


class TaskOverlaps(Conflict):
    code = "task.overlaps"
    message = "{key} has to wait. {reason} Claim it with 'allow_overlap' to take it all the same."


class OwnRun(NotAllowed):
    code = "run.own"
    message = "Nobody answers or verifies what they asked or reported themselves. Ask a person."


class PeopleOnly(NotAllowed):
    code = "run.people_only"
    message = "This is for people. An agent takes tasks with a claim and releases its own runs."


class QuestionNotFound(NotFound):
    code = "run.question_not_found"
    message = "This run has no question '{id}'."


class QuestionAnswered(Conflict):
    code = "run.question_answered"
    message = "Somebody has answered this question already: '{answer}'."


class EvidenceNotFound(NotFound):
    code = "run.evidence_not_found"
    message = "This run has no evidence '{id}'."


class EvidenceIncomplete(Invalid):
    code = "run.evidence_incomplete"
    message = "Evidence of the kind '{kind}' also needs: {missing}."


class EvidenceOfNothing(Invalid):
    code = "run.evidence_of_nothing"
    message = "{key} has no acceptance item '{id}'."


class EvidenceMissing(Conflict):
    code = "run.evidence_missing"
    message = (
        "{key} needs evidence for: {what}. Any of these kinds will do: {kinds}. A command must "
        "have exit code 0, a check the conclusion 'success'."
    )


class LimitSubject(Invalid):
    code = "limit.subject"
    message = "A limit is for a 'project' or for a 'repository': name one of them."
