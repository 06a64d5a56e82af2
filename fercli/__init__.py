"""fercli: facial expression recognition with the Batch Transformer Network."""

__version__ = "0.1.0"
