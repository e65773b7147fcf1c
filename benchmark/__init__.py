"""How it is measured: datasets, metrics, protocols, the runner, and what is made of the results.

The public functions are `raybench.evaluate` and `raybench.attribute`.
"""
