"""Where jobs meet models: whatever process imports this logs without patients' data."""

from service.logs import configure_logs_once

configure_logs_once()
