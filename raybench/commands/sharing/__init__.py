"""Commands that hand results to others and judge what others hand in."""
