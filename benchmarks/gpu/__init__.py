"""What a GPU must get right, and how fast it is: one script for a machine that has one."""
