"""Energy by real meters: what they are, and how a run is measured. Without a meter, no number."""
