"""Could this node take over now? What is asked for that, the rules that judge it, and what comes of them. Pure."""
