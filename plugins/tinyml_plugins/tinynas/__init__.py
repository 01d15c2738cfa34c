"""Neural architecture search: spaces of small networks, and strategies to search them."""
