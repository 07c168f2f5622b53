"""Speed, held against other libraries: each script prints ratios, and with --json one object."""
