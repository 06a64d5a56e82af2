from fercli.predictor import Predictor as Predictor

__version__: str
