"""The durable life of one intent inside the gate: its states, its row, its holds."""
