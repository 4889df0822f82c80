"""The whole loop on real questions with simulated people, through the started product: `manage.py loop demo`.

Real are the questions and answers (503 of a building company's FAQ), the model, the training, the gate, the retrieval.
Simulated are all people: who asks, who rates, who reviews. The result says so.
"""
