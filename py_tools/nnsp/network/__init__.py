"""Networks: their text, their Keras model, what they take in C."""
