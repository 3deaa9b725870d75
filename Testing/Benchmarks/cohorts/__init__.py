"""What ``bench_cohort.py`` measures: whole commands, in turn, into folders that are new each time."""
