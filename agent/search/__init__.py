"""Search policies, scheduler, reward, budget and pruning."""
