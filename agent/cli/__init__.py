"""The `mars` command: each module parses arguments, calls the program and prints the outcome."""
