"""What is to be solved: specification, preparation, metrics, submission check, grading."""
