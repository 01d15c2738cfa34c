"""Reports as reporters get them, and a browser to look at pages."""
