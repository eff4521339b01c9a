"""Runs a repository in isolation and reports what happened."""
