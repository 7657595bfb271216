"""What is wrong and wants somebody: seen by itself, raised once, cleared when it is over."""
