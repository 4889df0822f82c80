"""A base model's habits: which token it likely writes after its last few, counted in conversations with itself."""
