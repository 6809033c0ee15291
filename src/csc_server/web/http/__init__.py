"""What every HTTP answer and request of this server shares: errors, parameters, headers."""
