"""Self-contained HTML reports: what people open after a prediction."""
