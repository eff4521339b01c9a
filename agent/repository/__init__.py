"""Turns an idea into a repository: families, blueprints, rendering, checks, git lineage."""
