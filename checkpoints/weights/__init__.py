"""From a card to tensors: files, downloads, state dicts."""
