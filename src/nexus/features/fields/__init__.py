"""Custom fields: what a project's tasks may say in `custom`, and in which form.

Owns `custom_fields`. Announces field.*. Asks projects.
"""
