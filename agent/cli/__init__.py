"""The `mars` command: parse, call, print."""
