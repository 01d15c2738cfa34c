"""Where evaluations run: worker processes, threads, this very thread, or a Dask cluster."""
