"""The demonstration: three laboratories, a real small model, one joint report."""
