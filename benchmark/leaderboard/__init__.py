"""The leaderboard: result folders in, a static site out."""
