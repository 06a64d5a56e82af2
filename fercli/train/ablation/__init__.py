"""The paper's ablation studies: their rows (`studies`), the runs (`ablate`), and the results (`table`, `plot`)."""
