"""The competition: specification, data, preparation, metrics, submission checks and grading."""
