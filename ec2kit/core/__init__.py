"""Facts in, decisions out: no clock, environment, log or network."""
