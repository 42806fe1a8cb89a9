"""The page: a pure function of one document. story -> words, charts -> pictures, page -> one HTML file."""
