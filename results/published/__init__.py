"""Published reference numbers, one CSV per source; `raybench.benchmark.report.published` reads them."""
