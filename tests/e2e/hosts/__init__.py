"""A shop on a site of its own that shows the widget: what a site's owner writes, and nothing of ours."""
