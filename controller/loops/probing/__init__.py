"""Asking endpoints: when, how often, and what is believed of each."""
