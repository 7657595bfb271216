"""What can be wrong with tasks, their graph and their labels."""

from nexus.platform.errors import Conflict, Invalid, NotAllowed, NotFound


class TaskNotFound(NotFound):
    code = "task.not_found"
    message = "There is no task '{id}' that you can see. Name it by key (API-42) or by id."


class LabelNotFound(NotFound):
    code = "label.not_found"
    message = "There is no label '{id}' in this workspace."


class LabelTaken(Conflict):
    code = "label.taken"
    message = "There is a label '{name}' already."


class LinkNotFound(NotFound):
    code = "task.link_not_found"
    message = "{key} has no link '{id}'."


class AcceptanceItemNotFound(NotFound):
    code = "task.acceptance_item_not_found"
    message = "{key} has no acceptance item '{id}'."


class StatusNotAllowed(Conflict):
    code = "task.status_not_allowed"
    message = (
        "{key} is {status} and cannot become {to}: a finished task only goes back to 'todo'. "
        "Set it to 'todo' first."
    )


class TaskArchived(Conflict):
    code = "task.archived"
    message = "{key} is archived. Take it out of the archive to change it."


class TaskNotFinished(Conflict):
    code = "task.not_finished"
    message = "{key} is not finished. Only finished tasks can be archived."


class BornFinished(Invalid):
    code = "task.born_finished"
    message = "A new task is open. Create it, then set its status."


class DependencyCycle(Conflict):
    code = "task.dependency_cycle"
    message = "That would close a cycle: {cycle}. Each would wait for the next, for ever."


class ReferenceUnknown(Invalid):
    code = "task.reference_unknown"
    message = "There is no task '{id}' that you can see."


class AssigneeUnknown(Invalid):
    code = "task.assignee_unknown"
    message = "There is no member or agent '{id}' in this workspace."


class RepositoryUnknown(Invalid):
    code = "task.repository_unknown"
    message = "There is no repository '{id}' in this workspace."


class CustomTooLarge(Invalid):
    code = "task.custom_too_large"
    message = "'custom' takes {limit} bytes as JSON at most, and this is {size}."


class LinkTarget(Invalid):
    code = "task.link_target"
    message = "A link leads either to a 'task' or to a 'url'."


class PositionNeighbour(Invalid):
    code = "task.position_neighbour"
    message = "Name one neighbour, another task of the same project: either 'after' or 'before'."


class CustomConditionUnclear(Invalid):
    code = "task.custom_condition_unclear"
    message = "'{given}' is no condition. Write 'severity=high', 'points>=3' or just 'sprint'."


class RelevanceWithoutSearch(Invalid):
    code = "task.relevance_without_search"
    message = "'sort=relevance' is for a search: say what to look for with 'q'."


class RuleNotUnderstood(Invalid):
    code = "task.rule_not_understood"
    message = "'{rule}' is no rule to repeat a task by: {why}. An example: FREQ=WEEKLY;BYDAY=MO,TH."


class TaskFinished(Conflict):
    code = "task.finished"
    message = "{key} is {status} and does not come again. Set it to 'todo' first."


class StaleTasks(Conflict):
    code = "task.stale_items"
    message = "Nothing was changed: {keys} changed since you read them. Read them again."


class TaskTwice(Invalid):
    code = "task.twice"
    message = "{key} stands there twice. Put all its changes into one item."


class TooManySubtasks(Conflict):
    code = "task.too_many_subtasks"
    message = "{key} has {count} subtasks; {limit} tasks can move at once. Move parts of it first."


class ExplainOrder(Invalid):
    code = "task.explain_order"
    message = "'explain' gives the reasons of the order 'next'. Ask with 'sort=next'."


class AlreadyHeld(Conflict):
    code = "task.already_held"
    message = "{key} is taken: {reason}. Take another task, or wait until it is free."


class FenceMissing(Conflict):
    code = "task.fence_missing"
    message = (
        "You hold {key}: send the fence that the claim returned, as header Nexus-Fence, so that "
        "nothing is written after you have lost it."
    )


class FenceSuperseded(Conflict):
    code = "task.fence_superseded"
    message = (
        "Fence {fence} is no longer good for {key}: {reason}. Nothing was changed. Stop working "
        "on it, and claim again if there is more to do."
    )


class AgentsSubmit(NotAllowed):
    code = "task.agents_submit"
    message = (
        "An agent does not set the status of {key}: it claims a task, and then submits, releases "
        "or fails its run."
    )


class NotReadyToClaim(Conflict):
    code = "task.not_ready"
    message = "{key} cannot be taken now: {reason} GET /tasks/{key}/why says more."


class RunNotFound(NotFound):
    code = "run.not_found"
    message = "There is no run '{id}' that you can see."


class RunNotYours(NotAllowed):
    code = "run.not_yours"
    message = "This run of {key} is {who}'s. Only they report, submit or release it."


class RunOver(Conflict):
    code = "run.over"
    message = "This run of {key} is {state}: {reason}. Nothing was changed."


class FootprintNotUsable(Invalid):
    code = "task.footprint_not_usable"
    message = "'{given}' is no path pattern: {why}. Write it like 'src/api/**' or 'docs/*.md'."


class AcceptanceOfOwnWork(NotAllowed):
    code = "task.acceptance_of_own_work"
    message = (
        "What {key} has to fulfil, and whether it does, is not for the agent to say who works on "
        "it. Submit with evidence for each item, or ask a person."
    )


class HeldTaskStays(NotAllowed):
    code = "task.held_stays"
    message = "An agent does not move {key} to another project while it works on it. Ask a person."
