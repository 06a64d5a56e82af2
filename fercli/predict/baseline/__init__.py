"""A person's resting expression, subtracted in logit space: `correction` has the formula, `spans` where a person rests,
`table` the file of people, and `apply` corrects the rows of videos and pictures.
"""
