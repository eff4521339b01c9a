"""Trials: a node's revision becomes a workspace, an execution and a scored result."""
