"""Pictures, maps and videos as files, without PyTorch: what reads and writes them."""
