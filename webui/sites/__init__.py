"""The administrators' pages of sites: where the widget stands, how it looks, and what it says."""
