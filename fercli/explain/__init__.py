"""The paper's figures, and one it does not have: networks and images in, a picture with its raw numbers out."""
