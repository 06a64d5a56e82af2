"""Self-contained HTML reports: what people look at after a prediction."""
