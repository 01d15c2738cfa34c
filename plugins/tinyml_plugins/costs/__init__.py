"""Cost models: what a network costs on a microcontroller, before anything is compiled."""
