"""What a person sees: the command line, tables, explanations, the wizard."""
