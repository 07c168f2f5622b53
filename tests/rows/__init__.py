"""The rows of the table of gates, by family; `domains.py` puts them together."""
