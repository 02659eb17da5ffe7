"""Networks: layers composed over one flat vector of parameters."""
