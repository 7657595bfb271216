"""What can be wrong with workspaces, members and invitations."""

from nexus.platform.errors import Conflict, Invalid, NotAllowed, NotFound


class WorkspaceNotFound(NotFound):
    code = "workspace.not_found"
    message = "There is no workspace '{id}' that you are a member of."


class WorkspaceCreationClosed(NotAllowed):
    code = "workspace.creation_closed"
    message = "On this server, only whoever operates it creates workspaces. Ask them for one."


class MemberNotFound(NotFound):
    code = "member.not_found"
    message = "There is no member '{id}' in this workspace."


class LastOwner(Conflict):
    code = "member.last_owner"
    message = "{name} is the last owner. Make somebody else an owner first."


class OwnersOnly(NotAllowed):
    code = "member.owners_only"
    message = "Only an owner can make, demote or remove an owner."


class OwnerWithoutAdmin(Invalid):
    code = "member.owner_without_admin"
    message = "An owner has the role 'admin'. Take the ownership away to give another role."


class AlreadyMember(Conflict):
    code = "member.already_member"
    message = "{who} is a member of this workspace already."


class HandleTaken(Conflict):
    code = "member.handle_taken"
    message = "Somebody called @{handle} joined at this very moment. Try again."


class InvitationNotFound(NotFound):
    code = "invitation.not_found"
    message = "There is no such invitation."


class InvitationNotUsable(Conflict):
    code = "invitation.not_usable"
    message = "This invitation cannot be used: {why}. Ask for a new one."


class InvitationAddressee(Invalid):
    code = "invitation.addressee"
    message = "Say whom you invite: either 'email' or 'github_login', not both."


class InvitationNeedsAccount(Invalid):
    code = "invitation.needs_account"
    message = "To make your account, {missing} is needed. Or sign in first to join as yourself."


class InvitationSignInFirst(Conflict):
    code = "invitation.sign_in_first"
    message = "There is an account for {email} already. Sign in with it and accept again."
