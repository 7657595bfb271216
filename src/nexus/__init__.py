"""Nexus: one shared backlog for people and AI coding agents."""
