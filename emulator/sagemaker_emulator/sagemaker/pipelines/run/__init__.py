"""How an execution of a pipeline is carried out."""
