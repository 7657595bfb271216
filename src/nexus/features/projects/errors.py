"""What can be wrong with projects."""

from nexus.platform.errors import Conflict, Invalid, NotAllowed, NotFound


class ProjectNotFound(NotFound):
    code = "project.not_found"
    message = "There is no project '{key}' that you can see. 'nexus project list' shows all."


class ProjectKeyTaken(Conflict):
    code = "project.key_taken"
    message = "There is, or was, a project with the key {key}. Keys are never used again."


class ProjectArchived(Conflict):
    code = "project.archived"
    message = "The project {key} is archived. Take it out of the archive to change it."


class ProjectLeadOnly(NotAllowed):
    code = "project.lead_only"
    message = "Only the lead of {key} or an admin may do that."


class LeadUnknown(Invalid):
    code = "project.lead_unknown"
    message = "There is no member or agent '{id}' in this workspace."


class ProjectMemberNotFound(NotFound):
    code = "project.member_not_found"
    message = "There is no member or agent '{id}' in this workspace."


class LastMember(Conflict):
    code = "project.last_member"
    message = "The last member of the private project {key} cannot leave. Add another one first."


class LeadIsMember(Conflict):
    code = "project.lead_is_member"
    message = "The lead of {key} stays its member. Name another lead first."


class AcceptanceNotYours(NotAllowed):
    code = "project.acceptance_not_yours"
    message = "You cannot accept the work of {who}: {why}. Ask somebody who may."
