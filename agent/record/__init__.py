"""The durable record of runs, from which every state is rebuilt."""
