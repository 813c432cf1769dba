"""Networks: their text, their Keras form, their training."""
