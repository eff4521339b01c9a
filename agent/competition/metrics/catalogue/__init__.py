"""The built-in metrics, one file each; `registry` imports a file when its metric is used."""
