"""The figures: from scores to panels."""
