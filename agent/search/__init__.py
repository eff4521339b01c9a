"""The tree of nodes, the policies that grow it, reward, budget and pruning."""
