"""The import contract that import-linter does not ship: features are entered by their doors."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from typing_extensions import override


class Doors(Contract):
    """A feature imports from another feature only the modules that are its doors."""

    features = fields.StringField()
    doors = fields.ListField(subfield=fields.StringField())

    @override
    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        root = str(self.features)
        doors = {str(door) for door in self.doors}  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType, reportUnknownArgumentType]
        broken: list[str] = []
        for importer in sorted(graph.find_descendants(root)):
            broken += [
                f"{importer} imports {imported}"
                for imported in sorted(graph.find_modules_directly_imported_by(importer))
                if _is_forbidden(importer, imported, root, doors)
            ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    @override
    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(f"{line}, which is no door of its feature.")


def _is_forbidden(importer: str, imported: str, root: str, doors: set[str]) -> bool:
    if not imported.startswith(f"{root}."):
        return False
    own = importer.removeprefix(f"{root}.").partition(".")[0]
    feature, _, module = imported.removeprefix(f"{root}.").partition(".")
    return feature != own and module not in doors
