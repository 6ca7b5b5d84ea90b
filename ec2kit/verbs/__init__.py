"""The idea: look, decide, act, look again; and how a run begins and ends."""
