"""A module a kind of address: its view, its drift, its release."""
