"""What makes an exported file: the graph, how it keeps its weights, its proof and its description."""
