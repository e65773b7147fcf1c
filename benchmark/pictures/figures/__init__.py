"""The leaderboard's figures: data once, two drawers."""
