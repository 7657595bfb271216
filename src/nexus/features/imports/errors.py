"""What can be wrong with an import."""

from nexus.platform.errors import Invalid, NotFound


class ImportNotFound(NotFound):
    code = "import.not_found"
    message = "There is no import '{id}' in this workspace."


class FileNotUnderstood(Invalid):
    code = "import.file_not_understood"
    message = "This file cannot be imported: {why} Nothing was written."


class MappingNotUnderstood(Invalid):
    code = "import.mapping_not_understood"
    message = "The mapping of this import cannot be used: {why}"


class ProjectOfImportUnknown(Invalid):
    code = "import.project_unknown"
    message = "There is no open project '{project}' to import into. Create it, or leave it out."
