"""What a person looks at: live screen, plain lines, tree, node, diff and the report page."""
