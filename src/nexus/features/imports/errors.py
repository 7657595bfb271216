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


class SourceUnknown(Invalid):
    code = "export.source_unknown"
    message = "Nothing of this format was imported from '{source}'. The sources are: {known}."


class NothingToExport(NotFound):
    code = "export.nothing"
    message = "There are no tasks to export. Import some, or name a project that has tasks."
