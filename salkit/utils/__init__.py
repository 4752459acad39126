"""What every room may use and none owns: files, folders, processes, threads, text, chance."""
