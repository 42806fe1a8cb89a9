"""Other people's loops: callbacks that write the same trace as `byheart.record`. Each imports its library late."""
