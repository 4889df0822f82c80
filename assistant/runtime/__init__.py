"""What `manage.py up` supervises. Used by management commands alone; knows nothing of conversations."""
