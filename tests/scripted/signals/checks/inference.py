"""Probabilities become answers, and failures are told by class."""

import numpy as np

from library.inference import decode, failure_analysis, submission_table

outputs = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.3, 0.4, 0.3]])
assert decode(outputs).tolist() == [0, 2, 1]

table = submission_table(["a", "b", "c"], decode(outputs), ["burst", "chirp", "sine"])
assert list(table) == ["id", "kind"]
assert table["kind"].tolist() == ["burst", "sine", "chirp"]

analysis = failure_analysis(np.array([0, 2, 2]), outputs, ["burst", "chirp", "sine"])
assert np.isclose(analysis["error_rate"], 1 / 3)
assert analysis["missed_by_class"] == {"burst": 0.0, "sine": 0.5}
assert analysis["sureness_wrong"] == 0.4
flawless = failure_analysis(np.array([0, 2, 1]), outputs, ["burst", "chirp", "sine"])
assert flawless["sureness_wrong"] is None
