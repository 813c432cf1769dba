"""Speech and noise: lists, downloads, the built-in generator, mixtures."""
