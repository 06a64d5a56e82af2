"""Training of Batch Transformer Networks: `fer train`, `fer distill` and, in `ablation`, `fer ablate`.

Start reading at `train` and `seeds`. A run consists of `training_data` (the images), `components` (network, step, `teachers`), the
`loop` over epochs, `scoring` and `selection` after each epoch, `saver` and `reporter`, and the `result`. A step consists of
`augment`, `inputs`, `optimisation_step`, `losses`, `sam`, `optimizers`, `schedule` and `ema`; several processes, started by
`torchrun`, share it (`process_group`, `batch_norm`). The rest of a run: `options`, `starting_weights`, `state`, `run_log`,
`selected_weights`, `stage_meter`, `training_errors`. `sampling`, `batches`, `random_numbers` and `determinism` make runs
repeatable; `seed_statistics` compares them. `distill` trains the landmark branch (`landmark_distillation`).
"""
