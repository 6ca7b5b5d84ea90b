"""LifeKeeper: how its core calls the kit, its configuration database, its hierarchy."""
