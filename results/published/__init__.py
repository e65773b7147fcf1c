"""Published reference numbers, one CSV per source; `raybench.benchmark.tables.published` reads them."""
