"""Search: candidates, trials, budgets, the journal and the resilient evaluation of proposals."""
