"""What can be wrong with proposals."""

from nexus.platform.errors import Conflict, Invalid, NotAllowed, NotFound


class ProposalNotFound(NotFound):
    code = "proposal.not_found"
    message = "There is no proposal {id}, or you cannot see it."


class NothingProposed(Invalid):
    code = "proposal.empty"
    message = (
        "No language model is set up here (NEXUS_LANGUAGE_MODEL__URL), so say yourself what you "
        "propose: 'subtasks', 'complexity' or both."
    )


class NeedsUnknown(Invalid):
    code = "proposal.needs_unknown"
    message = (
        "Subtask {number} waits for subtask {needed}, which does not come before it. "
        "'depends_on' takes the numbers of earlier subtasks, from 1."
    )


class AlreadyAsked(Conflict):
    code = "proposal.already_asked"
    message = "The language model is asked about {key} already; wait for its answer."


class ProposalOver(Conflict):
    code = "proposal.over"
    message = "This proposal is {state}; there is nothing to decide."


class PeopleDecide(NotAllowed):
    code = "proposal.people_decide"
    message = (
        "A person, or the policy of {key}, decides on proposals. "
        "'nexus project policy {key} --expansion policy' leaves it to the policy."
    )
