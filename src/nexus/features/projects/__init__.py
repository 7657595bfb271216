"""Projects: backlogs with a key, their members and the repositories they are about.

Owns `projects`, `project_members` and `project_repositories`; numbers tasks. A private project is
seen by its members alone (platform/visibility.py). Announces project.*. Asks repositories and
workspaces whether what it is to be joined with exists.
"""
