"""What runs beside the candidate, inside the sandbox: standard library only, `agent` is not importable here.

Started as `python -m inside.supervisor` or `python -m inside.forkserver` from the folder above.
"""
