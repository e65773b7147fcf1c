"""Ways of doing the work: ours, the bare network, the ancestors; and what arithmetic allows."""
