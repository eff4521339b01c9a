"""The durable record of runs that every state is rebuilt from."""
