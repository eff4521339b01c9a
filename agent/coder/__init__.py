"""Language models that write code: fixes of failed nodes, and modules that no template renders."""
