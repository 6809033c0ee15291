"""Making, certifying, changing and destroying credentials: what operators, the custody lane and `dev` do to them."""
