"""What is accepted and not yet delivered: inbounds, once each, and how far every target is with them."""
