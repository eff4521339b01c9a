"""What the solution is made of; `main.py` puts it together."""
