"""What can go wrong with jobs."""

from nexus.platform.errors import Conflict, NotFound


class JobNotFound(NotFound):
    code = "job.not_found"
    message = "There is no job '{id}' that you can see. Jobs are forgotten a week after their end."


class JobNotOver(Conflict):
    code = "job.not_over"
    message = "The job is {state}: only one that failed or was cancelled can be run again."
