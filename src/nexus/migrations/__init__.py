"""The history of the schema, for `nexus migrate`; ships with the program."""
