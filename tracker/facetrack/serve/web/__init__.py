"""The web side: routes, who may ask, what is bounded, and the pages in static/."""
