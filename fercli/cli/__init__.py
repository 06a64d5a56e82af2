"""The command line `fer`: one file per command, named like it, which parses options and calls a step of the package.

Start reading at `main`. `options` declares the options that several commands share, `console` writes to stdout and stderr,
`help_pages` formats --help. `predict` has `predict_inputs`, `predict_outputs` and `predict_summary`; `train` and `ablate`
share `run_setup` and `train_display`; `checkup` contains the checks of `doctor`.
"""
