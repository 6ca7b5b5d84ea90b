"""Pacemaker: the OCF agents."""
