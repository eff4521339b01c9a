"""Views of a run: live screen, plain lines, tree, node, diff, pictures and the report page."""
