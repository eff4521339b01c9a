"""The planners that a run can choose: one file and one entry in the registry for each."""
