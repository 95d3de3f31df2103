"""What the main job costs: one module a figure, each a function from the running world to facts and a chart."""
