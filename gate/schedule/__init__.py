"""The clock's door: scheduled wishes. A schedule only proposes; the gate decides when the time has come."""
