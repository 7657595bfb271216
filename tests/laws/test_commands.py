"""Laws of the command line: every operation has a command, every command is for its user."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from nexus.entrypoints.cli import app
from nexus.features.imports import cli as imports_cli
from nexus.platform import signing_in

DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text())
API = "/api/v1/"

COMMANDS = {
    "listAgents": "agent list",
    "registerAgent": "agent register",
    "getAgent": "agent get",
    "updateAgent": "agent update",
    "removeAgent": "agent remove",
    "pauseAgent": "agent pause",
    "resumeAgent": "agent resume",
    "pauseAgents": "agent pause",
    "resumeAgents": "agent resume",
    "listAgentKeys": "agent keys",
    "createAgentKey": "agent create-key",
    "rotateAgentKey": "agent rotate-key",
    "revokeAgentKey": "agent revoke-key",
    "nextTask": "agent next",
    "listWorkLimits": "agent limits",
    "setWorkLimit": "agent limit",
    "claimTask": "claim",
    "heartbeatRun": "run heartbeat",
    "progressRun": "run progress",
    "logRun": "run output",
    "useRun": "run usage",
    "askRun": "run ask",
    "submitRun": "run submit",
    "releaseRun": "run release",
    "failRun": "run fail",
    "listRuns": "run list",
    "getRun": "run get",
    "listRunLog": "run log",
    "listRunQuestions": "run questions",
    "getRunQuestion": "run question",
    "answerRun": "run answer",
    "cancelRun": "run cancel",
    "acceptRun": "run accept",
    "rejectRun": "run reject",
    "listRunEvidence": "run evidence",
    "verifyRunEvidence": "run verify",
    "holdTask": "task hold",
    "unholdTask": "task unhold",
    "listBudgets": "budget list",
    "setBudget": "budget set",
    "removeBudget": "budget remove",
    "setProjectPolicy": "project policy",
    "listEvents": "events",
    "watchEvents": "watch",
    "createImport": "import",
    "listImports": "imports list",
    "exportTasks": "export",
    "getImport": "imports get",
    "listImportRecords": "imports records",
    "listInvitations": "invitation list",
    "acceptInvitation": "invitation accept",
    "revokeInvitation": "invitation revoke",
    "listWebhooks": "webhook list",
    "createWebhook": "webhook create",
    "getWebhook": "webhook get",
    "updateWebhook": "webhook update",
    "removeWebhook": "webhook remove",
    "rotateWebhook": "webhook rotate",
    "testWebhook": "webhook test",
    "listWebhookDeliveries": "webhook deliveries",
    "replayWebhookDelivery": "webhook replay",
    "listJobs": "job list",
    "listAlerts": "alert list",
    "getLiveness": "doctor",
    "getJob": "job get",
    "retryJob": "job retry",
    "cancelJob": "job cancel",
    "listKeys": "key list",
    "createKey": "key create",
    "getKey": "key get",
    "rotateKey": "key rotate",
    "revokeKey": "key revoke",
    "listLabels": "label list",
    "updateLabel": "label update",
    "removeLabel": "label remove",
    "getMe": "me get",
    "updateMe": "me update",
    "leaveWorkspace": "workspace leave",
    "listProjects": "project list",
    "createProject": "project create",
    "getProject": "project get",
    "updateProject": "project update",
    "listFields": "field list",
    "createField": "field create",
    "updateField": "field update",
    "removeField": "field remove",
    "getProjectGraph": "project graph",
    "listProjectMembers": "project members",
    "addProjectMember": "project add-member",
    "removeProjectMember": "project remove-member",
    "listProjectRepositories": "project repositories",
    "addProjectRepository": "project add-repository",
    "removeProjectRepository": "project remove-repository",
    "listRepositories": "repository list",
    "createRepository": "repository create",
    "getRepository": "repository get",
    "updateRepository": "repository update",
    "listSessions": "session list",
    "signIn": "login",
    "revokeSession": "session revoke",
    "listTasks": "task list",
    "createTask": "task create",
    "updateTasks": "task bulk",
    "getTask": "task get",
    "updateTask": "task update",
    "setTaskAcceptance": "task accept",
    "listTaskActivity": "task activity",
    "listTaskComments": "task comments",
    "commentTask": "task comment",
    "updateComment": "task edit-comment",
    "removeComment": "task remove-comment",
    "listTaskDependencies": "task dependencies",
    "dependTask": "task depend",
    "undependTask": "task depend",
    "linkTask": "task link",
    "unlinkTask": "task unlink",
    "moveTask": "task move",
    "transferTask": "task transfer",
    "recurTask": "task recur",
    "unrecurTask": "task recur",
    "setTaskStatus": "task status",
    "whyTask": "task why",
    "explainComplexity": "task complexity",
    "expandTask": "task expand",
    "listProposals": "proposal list",
    "getProposal": "proposal get",
    "acceptProposal": "proposal accept",
    "rejectProposal": "proposal reject",
    "getComplexityModel": "task complexity",
    "listUsers": "user list",
    "inviteUser": "user invite",
    "getUser": "user get",
    "updateUser": "user update",
    "removeUser": "user remove",
    "listViews": "view list",
    "createView": "view create",
    "getView": "view get",
    "updateView": "view update",
    "removeView": "view remove",
    "createWorkspace": "workspace create",
    "getWorkspace": "workspace get",
    "updateWorkspace": "workspace update",
}
"""Each operation and the words that call it."""

WITHOUT_JSON = {"serve", "worker", "migrate", "login", "restore", "export"}
"""What operators run, what asks, and what writes a file."""


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*words, name))
        if not hasattr(command, "commands"):
            found[" ".join(words)] = command

    walk(typer.main.get_command(app), ())
    return found


FOUND = _commands()


def test_every_operation_of_the_api_has_a_command() -> None:
    described = {
        operation["operationId"]
        for path, methods in DESCRIPTION["paths"].items()
        for operation in methods.values()
        if path.startswith(API) and "operationId" in operation
    }

    assert len(described) > 70
    assert described - COMMANDS.keys() == set()
    assert COMMANDS.keys() - described == set()
    assert set(COMMANDS.values()) - FOUND.keys() == set()


@pytest.mark.parametrize("operation", COMMANDS)
def test_the_command_of_an_operation_calls_it(operation: str) -> None:
    method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower()
    callback = inspect.unwrap(FOUND[COMMANDS[operation]].callback)

    if operation == "watchEvents":
        method = "messages"  # a stream is no call
    elsewhere = {"signIn": signing_in, "createImport": imports_cli, "exportTasks": imports_cli}
    module = elsewhere.get(operation) or inspect.getmodule(callback)

    assert module
    assert f".{method}(" in inspect.getsource(module)


@pytest.mark.parametrize(
    "command", [words for operation, words in COMMANDS.items() if operation.startswith("list")]
)
def test_a_list_is_for_people_for_programs_and_for_spreadsheets(command: str) -> None:
    options = _options(command)

    assert {"--json", "--csv"} <= options


@pytest.mark.parametrize("command", FOUND)
def test_every_command_says_what_it_does_and_shows_it(command: str) -> None:
    text = inspect.getdoc(FOUND[command].callback) or ""

    summary, _, examples = text.partition("Examples:")
    assert re.match(r"[A-Z][^\n]+[.:]", summary)
    assert f"nexus {command.partition(' ')[0]}" in re.sub(r"--profile \w+ ", "", examples)


@pytest.mark.parametrize("command", sorted(FOUND.keys() - WITHOUT_JSON))
def test_every_command_of_a_user_speaks_json(command: str) -> None:
    assert "--json" in _options(command)


def _options(command: str) -> set[str]:
    return {option for one in FOUND[command].params for option in one.opts}
