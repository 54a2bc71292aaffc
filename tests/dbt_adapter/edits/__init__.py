"""What happens to a model between two runs, and what is there afterwards, by topic."""
