"""What can be wrong with a sign-in or an account."""

from nexus.platform.errors import Conflict, Invalid, NotAuthenticated, NotFound


class SignInRefused(NotAuthenticated):
    code = "session.sign_in_refused"
    message = "This e-mail address and password do not belong together."


class SessionNotFound(NotFound):
    code = "session.not_found"
    message = "You have no session '{id}'."


class PasswordWrong(Invalid):
    code = "user.password_wrong"
    message = "The current password is not right, so nothing was changed."


class EmailTaken(Conflict):
    code = "user.email_taken"
    message = "There is an account for {email} already. Sign in to use it."


class UserNotFound(NotFound):
    code = "user.not_found"
    message = "Nobody on this server has the e-mail address '{email}'."
