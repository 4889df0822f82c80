"""Holds a candidate adapter against a baseline on the same items, and says whether the difference is proven."""
