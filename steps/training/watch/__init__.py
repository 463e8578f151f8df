"""What watches training: tracking, profiling, saved tensors, debug rules."""
