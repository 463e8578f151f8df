"""What a person is shown: tables, an execution as it goes on, reports, errors in words."""
