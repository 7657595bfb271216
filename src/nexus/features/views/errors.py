"""What can be wrong with saved views."""

from nexus.platform.errors import Conflict, NotAllowed, NotFound


class ViewNotFound(NotFound):
    code = "view.not_found"
    message = "There is no saved view '{id}' that you can see."


class ViewTaken(Conflict):
    code = "view.taken"
    message = "You have a view named '{name}' already."


class NotYourView(NotAllowed):
    code = "view.not_yours"
    message = "'{name}' is somebody else's view. Save one of your own with the same query."
