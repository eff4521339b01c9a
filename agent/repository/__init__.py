"""From idea to repository: families, blueprints, rendering, edits, checks, git lineage."""
