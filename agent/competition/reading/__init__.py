"""Reading of the tables of users: any usual format, separator, encoding and compression."""
