"""How a run is divided: processes, threads, devices."""
