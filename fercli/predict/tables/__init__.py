"""Table formats of `fer predict --save`: `table` is their interface, `formats` finds one by suffix, one file for each format."""
