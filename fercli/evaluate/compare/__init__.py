"""`fer compare`: `compare` tests whether one of two evaluations is better, `page` shows the images that changed."""
