"""What can be wrong with budgets."""

from nexus.platform.errors import Conflict, Invalid, NotFound


class BudgetNotFound(NotFound):
    code = "budget.not_found"
    message = "There is no budget '{id}' that you can see. 'nexus budget list' shows all."


class BudgetSubject(Invalid):
    code = "budget.subject"
    message = (
        "A budget is for one thing: name a 'project', an 'agent' or a 'task', or none of them for "
        "the workspace."
    )


class BudgetWithoutLimit(Invalid):
    code = "budget.without_limit"
    message = "A budget limits 'tokens', 'cost' or both. To do without it, remove it."


class BudgetExhausted(Conflict):
    code = "budget.exhausted"
    message = "{key} cannot be taken: {reason} A person can raise the budget."
