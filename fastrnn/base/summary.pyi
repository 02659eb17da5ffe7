class Summary(str):
    n_parameters: int
    weights_bytes: int
    batch_bytes: int | None
