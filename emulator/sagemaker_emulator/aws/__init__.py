"""The API's form: protocols, request shapes, the table of operations, pages, and moto behind it."""
