"""Language models that review candidates: a veto on leading scores, and texts of lessons."""
