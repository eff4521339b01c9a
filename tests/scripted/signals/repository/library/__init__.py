"""The parts of the solution."""
