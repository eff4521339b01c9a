"""The parts of this ensemble: its settings, its members' outputs, and the blend."""
