"""Speed beside other libraries: layers, networks, whole fits."""
