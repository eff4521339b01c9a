"""Code that runs inside the sandbox, beside the candidate: standard library only, without `agent`.

Start it as `python -m inside.supervisor` or `python -m inside.forkserver` from the parent folder.
"""
