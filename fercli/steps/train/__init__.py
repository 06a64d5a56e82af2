"""`fer train`: a data set and a recipe in, a run folder with weights, cards and scores out.

`command` begins and ends a run, `run` goes through the epochs, `state` is where it is, `scoring` answers on a split,
`selection` chooses and judges weights, `journal` keeps the logs, `meter` time and memory, `faults` says what to do when the
machine gives up, `seeds` does it all again.
"""

from fercli.steps.train.command import train
from fercli.steps.train.run import TrainResult
from fercli.steps.train.seeds import SeedsResult, train_seeds

__all__ = ["SeedsResult", "TrainResult", "train", "train_seeds"]
